"""A server on the loopback address, a good one or one of many bad ones; the fixture `server` starts it."""

import http.server
import socket
import threading
from contextlib import contextmanager

BODY = bytes(range(256)) * 2000  # several blocks


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves server.files by the last part of the path; the first says how well ("ok", "no-range", "cut", ...)."""

    def do_GET(self):
        _, how, name = self.path.split("/")
        asked = self.headers.get("Range")
        self.server.requests.append((how, name, asked))
        body = self.server.files.get(name)
        if body is None:
            return self.send_error(404)
        if how == "wrong":
            body = b"<html>" + body[6:]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and how != "no-range" else 0
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start + (how == 'bad-range')}-{len(body) - 1}/{len(body)}")
        if not how.startswith("no-length"):
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        rest = body[start:]
        self.wfile.write(rest[: len(rest) // 2] if how in ("cut", "no-length-cut") else rest)

    def log_message(self, *arguments):
        pass


@contextmanager
def serving():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.requests = {"file.bin": BODY}, []
    server.url = lambda how, name="file.bin": f"http://127.0.0.1:{server.server_port}/{how}/{name}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/ok/file.bin"
