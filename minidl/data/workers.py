"""Batches prepared ahead, in order, by threads or by processes; whoever stops early leaves neither behind."""

import multiprocessing
import pickle
import signal
import traceback
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

# Started from nothing, not forked: a fork copies no thread, but the locks that one may be holding.
spawn = multiprocessing.get_context("spawn")


def prepared_by_threads(prepare, chunks, num_workers):
    """prepare(chunk) for each chunk, in order, worked out by threads that keep at most two batches a thread ahead."""
    pool = ThreadPoolExecutor(num_workers, thread_name_prefix="minidl-loader")
    ahead = deque()
    try:
        for chunk in chunks:
            ahead.append(pool.submit(prepare, chunk))
            if len(ahead) > 2 * num_workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        # Also when the consumer leaves its loop early and the generator is closed. Threads end after the batch they are
        # at; waiting for them here, maybe called by the garbage collector, would swallow a Ctrl-C.
        pool.shutdown(wait=False, cancel_futures=True)


def prepared_by_processes(prepare, chunks, num_workers):
    """The same by processes, of which number k takes every num_workers-th chunk from k on.

    Each has a pipe of its own; it writes a batch into it, and waits there until that is read before it makes the next.
    """
    try:
        task = pickle.dumps(prepare)
    except Exception as error:
        raise TypeError(f"{CANNOT_BE_SENT}: {error}; {WHAT_CAN_BE_SENT}") from error
    workers = []
    try:
        with _interrupts_held():
            for k in range(min(num_workers, len(chunks))):
                reader, writer = spawn.Pipe(duplex=False)
                process = spawn.Process(target=_work, args=(writer, task, chunks[k::num_workers]), daemon=True)
                process.start()
                writer.close()  # only the worker has it now: when the worker dies, reading fails
                workers.append((process, reader))
        for number in range(len(chunks)):
            yield _receive(*workers[number % num_workers])
    finally:
        for process, _ in workers:
            process.terminate()
        for process, _ in workers:
            process.join()


CANNOT_BE_SENT = "DataLoader: the data set cannot be sent to worker processes"
WHAT_CAN_BE_SENT = (
    "classes and functions must be defined at the top of a module that can be imported, not in a notebook or a "
    "function, and files be opened when a sample is read; or take worker='thread'"
)


def _work(writer, task, chunks):
    """What a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; this one is ended by its parent
    try:
        try:
            prepare = pickle.loads(task)
        except Exception as error:
            raise TypeError(f"{CANNOT_BE_SENT}: {error}; {WHAT_CAN_BE_SENT}") from error
        for chunk in chunks:
            _send(writer, prepare(chunk))
    except BrokenPipeError:  # the parent is gone
        pass
    except Exception as error:
        error.add_note(f"in a worker process:\n{traceback.format_exc()}")
        _send(writer, _sendable(error))


def _send(writer, message):
    """Write a message; its arrays go through the pipe as they lie in memory."""
    buffers = []
    head = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    arrays = [buffer.raw() for buffer in buffers]
    writer.send((head, [array.nbytes for array in arrays]))
    for array in arrays:
        writer.send_bytes(array)


def _receive(process, reader):
    """The next message of a worker; an error that arose there is raised here."""
    try:
        head, sizes = reader.recv()
        arrays = [np.empty(size, np.uint8) for size in sizes]
        for array in arrays:
            reader.recv_bytes_into(array)
    except (EOFError, OSError):  # it ended before a message, or in the middle of one, where it waits mostly
        process.join()
        raise RuntimeError(
            f"DataLoader: a worker process ended with exit code {process.exitcode} before its batch was ready. "
            "-9 means that it was killed, mostly for want of memory. 1, in a script: put what starts the work under "
            'if __name__ == "__main__":, for worker processes import the script'
        ) from None
    message = pickle.loads(head, buffers=arrays)
    if isinstance(message, Exception):
        raise message
    return message


def _sendable(error):
    """The same error if it survives the way to another process, or else a RuntimeError that tells it."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")


@contextmanager
def _interrupts_held():
    """Ctrl-C comes through afterwards; processes started meanwhile never hear of it, not even while they start."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # started along with the first process, it would let Ctrl-C through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
