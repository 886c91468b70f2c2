"""The matrix product: shared out over threads, and cut into the sizes that the BLAS is fastest with."""

import numpy as np
import threadpoolctl

from minidl import backend

SHARED_FLOPS = 32_000_000  # with less work, handing it out costs more than it saves
BAND_FLOPS = 48_000_000  # work of one call of the BLAS; with less, its own preparations weigh too much
MOST_BANDS = 8  # with more, the other matrix is read, and prepared, more often than need be


def _small_product():
    """The multiply-adds up to which the BLAS computes with the matrices as they lie, without packing them first.

    OpenBLAS does so, up to a million, on processors with AVX-512, and never on others.
    """
    found = {library.get("architecture") for library in threadpoolctl.threadpool_info()}
    return 10**6 if found & {"SkylakeX", "Cooperlake", "SapphireRapids"} else 0


SMALL_PRODUCT = _small_product()


def product(a, b):
    """a @ b. A large product of two matrices is cut into bands of rows or columns, one call of the BLAS each."""
    xp = backend.get_array_module(a, b)
    if xp is not np or a.ndim != 2 or b.ndim != 2:
        return xp.matmul(a, b)
    (m, k), n = a.shape, b.shape[1]
    y = np.empty((m, n), np.result_type(a, b))
    if 2 * m * k * n < SHARED_FLOPS:
        _band(a, b, y)
        return y
    # Cut by the work, not by the number of threads, on which the last bits would then depend.
    parts = min(max(2 * m * k * n // BAND_FLOPS, 2), MOST_BANDS, max(m, n))
    cuts = backend.cuts(max(m, n), parts)

    def bands(first, last):
        for start, stop in zip(cuts[first:last], cuts[first + 1 : last + 1], strict=True):
            if m >= n:
                _band(a[start:stop], b, y[start:stop])
            else:
                _band(a, b[:, start:stop], y[:, start:stop])

    backend.parallel(bands, parts)
    return y


def _band(a, b, out):
    """out = a @ b; with few rows or columns as the sum of small products, each over a part of the axis in between."""
    (m, k), n = a.shape, b.shape[1]
    if not SMALL_PRODUCT or not 16 <= min(m, n) <= 64 or a.strides[1] != a.itemsize or b.strides[1] != b.itemsize:
        np.matmul(a, b, out=out)
        return
    least = -(-k // 512)
    parts = next((parts for parts in range(least, 2 * least) if k % parts == 0), 1)
    if parts == 1:
        small_products(a, b, out)
        return
    products = np.empty((parts, m, n), out.dtype)
    small_products(a.reshape(m, parts, k // parts).swapaxes(0, 1), b.reshape(parts, k // parts, n), products)
    products.sum(axis=0, out=out)


def small_products(a, b, out):
    """out = a @ b for many products, (..., M, K) times (..., K, L), each cut into ones of at most SMALL_PRODUCT.

    Packing, which that saves, would take up to half of the time where there are only a few dozen rows or columns.
    """
    (*_, m, k), length = a.shape, b.shape[-1]
    rows, columns = m, length
    while rows * columns * k > SMALL_PRODUCT > 0 and (even := [size for size in (rows, columns) if size % 2 == 0]):
        if max(even) == columns:
            columns //= 2
        else:
            rows //= 2
    if (rows, columns) != (m, length):
        a = a.reshape(*a.shape[:-2], m // rows, 1, rows, k)
        b = b.reshape(*b.shape[:-1], length // columns, columns).swapaxes(-3, -2)[..., None, :, :, :]
        out = out.reshape(*out.shape[:-2], m // rows, rows, length // columns, columns).swapaxes(-3, -2)
    np.matmul(a, b, out=out)


def sum_of_products(a, b, out):
    """out = the sum over T of a @ b, (..., T, M, K) times (..., T, K, L), as small products where K can be halved."""
    (*_, m, k), length = a.shape, b.shape[-1]
    part = max(k, 1)
    while part > 256 and part % 2 == 0 and m * part * length > SMALL_PRODUCT > 0:
        part //= 2
    a = a.reshape(*a.shape[:-1], k // part, part).swapaxes(-2, -3)
    b = b.reshape(*b.shape[:-2], k // part, part, length)
    np.matmul(a, b).sum(axis=(-4, -3), out=out)
