"""Matrix products: shared out over threads, cut into small ones, and summed up from small ones."""

import numpy as np
import pytest

from minidl.kernels import matrix

SIZES = [(3, 4, 5), (400, 200, 600), (600, 500, 300), (2000, 300, 40), (1, 3000, 3000), (0, 3, 4), (3, 0, 4), (3, 4, 0)]
FEW_COLUMNS = [(512, 2304, 49), (300, 1031, 20), (49, 513, 700), (20, 0, 20)]  # sums of small products, if these pay


def draw(*shapes):
    rng = np.random.default_rng(7)
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.fixture(params=[0, 100, 10**6])
def small_product(request, monkeypatch):
    """Processors whose BLAS has no fast way for small products, a fast way for very small ones, and for small ones."""
    monkeypatch.setattr(matrix, "SMALL_PRODUCT", request.param)
    return request.param


@pytest.mark.parametrize("sizes", SIZES + FEW_COLUMNS, ids=str)
def test_products_with_any_number_of_threads(sizes, small_product, threads):
    m, k, n = sizes
    a, b = draw((m, k), (k, n))
    results = []
    for count in (1, 2, 3):
        threads(count)
        results.append(matrix.product(a, b))
        np.testing.assert_allclose(results[-1], a @ b, 1e-9, 1e-9)
        np.testing.assert_array_equal(results[-1], results[0])
    np.testing.assert_allclose(matrix.product(np.asfortranarray(a), b[:, ::-1]), (a @ b)[:, ::-1], 1e-9, 1e-9)


@pytest.mark.parametrize("sizes", [(8, 5, 16), (6, 7, 15), (7, 3, 9), (1, 4, 64), (64, 4, 1), (2, 200, 2)], ids=str)
def test_many_products_into_any_memory(sizes, small_product, monkeypatch):
    m, k, n = sizes
    a, b = draw((2, 1, m, k), (3, k, n))
    pieces, matmul = [], np.matmul
    monkeypatch.setattr(np, "matmul", lambda a, b, out: pieces.append((a.shape, b.shape)) or matmul(a, b, out=out))
    for out in (np.zeros((2, 3, m, n)), np.zeros((m, 2, 3, n + 1)).transpose(1, 2, 0, 3)[..., 1:]):
        matrix.small_products(a, b, out)
        np.testing.assert_allclose(out, a @ b, 1e-12, 1e-12)
    (*_, rows, between), (*_, columns) = pieces[0]
    if small_product and rows * between * columns > small_product:
        assert rows % 2 and columns % 2  # there is no half to be had
    if not small_product:
        assert (rows, columns) == (m, n)


@pytest.mark.parametrize("between", [5, 512, 1000, 1024])
def test_sums_of_products(between, small_product):
    a, b = draw((2, 1, 3, 4, between), (5, 3, between, 6))
    out = np.zeros((2, 5, 4, 6))
    matrix.sum_of_products(a, b, out)
    np.testing.assert_allclose(out, (a @ b).sum(axis=2), 1e-9, 1e-9)


def test_small_products_pay_with_avx512_only(monkeypatch):
    for architectures, expected in ((["Haswell"], 0), (["SkylakeX"], 10**6), (["ZEN", None], 0), ([], 0)):
        libraries = [{"architecture": name} if name else {} for name in architectures]
        monkeypatch.setattr(matrix.threadpoolctl, "threadpool_info", lambda libraries=libraries: libraries)
        assert matrix._small_product() == expected
