"""The matrix product, shared out over threads."""

from minidl import backend

SHARED_FLOPS = 32_000_000  # with less work, handing it out costs more than it saves
BAND_FLOPS = 48_000_000  # work of one call of the BLAS; with less, its own preparations weigh too much
MOST_BANDS = 8  # with more, the other matrix is read, and prepared, more often than need be


def product(a, b):
    """a @ b. A large product of two matrices is cut into bands of rows or columns, one call of the BLAS each."""
    xp = backend.get_array_module(a, b)
    if xp.__name__ != "numpy" or a.ndim != 2 or b.ndim != 2 or 2 * a.size * b.shape[1] < SHARED_FLOPS:
        return xp.matmul(a, b)
    (m, _), (_, n) = a.shape, b.shape
    y = xp.empty((m, n), xp.result_type(a, b))
    # Cut by the work, not by the number of threads, on which the last bits would then depend.
    parts = min(max(2 * a.size * n // BAND_FLOPS, 2), MOST_BANDS, max(m, n))
    cuts = [max(m, n) * i // parts for i in range(parts + 1)]

    def bands(first, last):
        for start, stop in zip(cuts[first:last], cuts[first + 1 : last + 1], strict=True):
            if m >= n:
                xp.matmul(a[start:stop], b, out=y[start:stop])
            else:
                xp.matmul(a, b[:, start:stop], out=y[:, start:stop])

    backend.parallel(bands, parts)
    return y
