"""The matrix product, shared out over threads."""

from minidl import backend

SHARE_FLOPS = 4_000_000  # below, one thread is done before a second would have started
PARTS = 16  # a fixed number: cutting by the number of threads would let the last bits depend on it


def product(a, b):
    """a @ b. A large product of two matrices is cut into bands of rows or columns, one call of the BLAS each."""
    xp = backend.get_array_module(a, b)
    if xp.__name__ != "numpy" or a.ndim != 2 or b.ndim != 2 or 2 * a.size * b.shape[1] < SHARE_FLOPS:
        return xp.matmul(a, b)
    (m, _), (_, n) = a.shape, b.shape
    y = xp.empty((m, n), xp.result_type(a, b))
    parts = min(PARTS, max(m, n))
    cuts = [max(m, n) * i // parts for i in range(parts + 1)]

    def bands(first, last):
        for start, stop in zip(cuts[first:last], cuts[first + 1 : last + 1], strict=True):
            if m >= n:
                xp.matmul(a[start:stop], b, out=y[start:stop])
            else:
                xp.matmul(a, b[:, start:stop], out=y[:, start:stop])

    backend.parallel(bands, parts)
    return y
