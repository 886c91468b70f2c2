"""Every CUDA kernel compiles for NVIDIA's processors and gives what the CPU gives, for sizes drawn at random.

They run on the processor, compiled by g++, and on a GPU too where there is one (`pytest -m gpu`).
"""

import re
from pathlib import Path

import numpy as np
import nvrtc
import pytest

from minidl.kernels import channels, convolution, lowering, pooling, region, resampling, windows
from minidl.kernels.cuda import launch

FILES = sorted(path.stem for path in Path(launch.__file__).parent.glob("*.cu"))
ARCHITECTURES = ("compute_75", "compute_90")  # the oldest that CUDA 13 knows, and that of an H200

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.mark.skipif(nvrtc.library() is None, reason="needs NVRTC: pip install -e '.[test-cuda]'")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("real", launch.NAMES)
@pytest.mark.parametrize("file", FILES)
def test_every_source_compiles(file, real, architecture):
    right, log = nvrtc.compile(launch.source(file, real), architecture)
    assert right and not log, log


@pytest.mark.skipif(nvrtc.library() is None, reason="needs NVRTC")
def test_what_does_not_compile_is_seen():
    source = launch.source("optimizer", "float32")
    assert not nvrtc.compile(source.replace("real step =", "reel step ="), "compute_90")[0]
    assert "never referenced" in nvrtc.compile(source.replace("real step =", "real unused, step ="), "compute_90")[1]


def test_every_kernel_is_started_somewhere():
    folder = Path(launch.__file__).parent
    code = "".join(path.read_text() for path in [*folder.glob("*.py"), *folder.parent.glob("*.py")])
    for file in FILES:
        kernels = re.findall(r"^KERNEL (\w+)\(", (folder / f"{file}.cu").read_text(), re.M)
        assert kernels and all(f'"{kernel}"' in code for kernel in kernels), file


@pytest.fixture
def there(cupy):
    """Brings an array to the device, in its order in memory."""

    def there(array):
        if cupy.__name__ != "cupy":
            return cupy.ndarray(array)
        order = np.argsort(array.strides)[::-1]
        return cupy.array(array.transpose(order)).transpose(np.argsort(order))

    return there


@pytest.fixture
def compare(there):
    """Raises unless a function of arrays gives on the device what it gives on the host."""

    def compare(function, *arrays, tolerance=1e-5):
        device = function(*map(there, arrays))
        for here, far in zip(*(x if isinstance(x, tuple) else (x,) for x in (function(*arrays), device)), strict=True):
            here, far = np.asarray(here), far.get()
            assert here.dtype == far.dtype and here.shape == far.shape
            scale = max(abs(here[np.isfinite(here)]).max(initial=0), 1)
            np.testing.assert_allclose(far / scale, here / scale, 0, tolerance if far.dtype == np.float32 else 1e-12)

    return compare


def images(rng, shape, dtype):
    """Random images, in one of the memory orders in which they occur."""
    order = rng.permutation([0, 1, 2, 3]) if rng.random() < 0.5 else [0, 1, 2, 3]
    values = rng.standard_normal([shape[axis] for axis in order]).astype(dtype)
    return values.transpose(np.argsort(order))


def sizes(rng):
    return tuple(map(int, (rng.integers(0, 4), rng.integers(1, 5), *rng.integers(5, 40, 2))))


@both_types
@pytest.mark.parametrize("seed", range(8))
def test_lowering(seed, dtype, compare):
    rng = np.random.default_rng(seed)
    shape = sizes(rng)
    kernel, stride, dilation = (tuple(map(int, rng.integers(1, 4, 2))) for _ in range(3))
    padding = tuple(map(int, rng.integers(4, 7, 2)))
    geometry = kernel, stride, padding, dilation
    compare(lambda x: windows.im2col(x, *geometry), images(rng, shape, dtype))
    outputs = windows.output_sizes(shape, *geometry)
    columns = rng.standard_normal((shape[1] * kernel[0] * kernel[1], shape[0] * outputs[0] * outputs[1]))
    compare(lambda c: windows.col2im(c, shape, *geometry), columns.astype(dtype))


@both_types
@pytest.mark.parametrize("seed", range(8))
def test_pooling(seed, dtype, compare):
    rng = np.random.default_rng(seed)
    shape = sizes(rng)
    kernel, stride = (tuple(map(int, rng.integers(1, 5, 2))) for _ in range(2))
    window = pooling.Window(kernel, stride, tuple(k // 2 for k in kernel), ceil_mode=bool(seed % 2))
    x = images(rng, shape, dtype)
    if seed % 3:
        x = np.round(x)  # many are equal
    gy = images(rng, (*shape[:2], *window.outputs(shape)), dtype)

    def largest(x, gy):
        y = pooling.max_pool2d(x, window)
        return y, pooling.max_positions(x, y, window), pooling.max_pool2d_gradient(x, y, gy, window)

    compare(largest, x, gy)
    compare(lambda x, gy: (pooling.avg_pool2d(x, window), pooling.avg_pool2d_gradient(gy, shape, window)), x, gy)
    compare(lambda x, gy: (pooling.sum_pool2d(x, window), pooling.spread(gy, shape, window)), x, gy)


def test_pooling_lets_a_nan_through_and_finds_its_place(there):
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8))
    x[0, 1, 3, 4] = np.nan
    x[1, 2] = -np.inf
    window = pooling.Window((3, 3), (2, 2), (1, 1))

    y, far = pooling.max_pool2d(x, window), pooling.max_pool2d(there(x), window)
    np.testing.assert_array_equal(far.get(), y)
    places = pooling.max_positions(there(x), far, window).get()
    np.testing.assert_array_equal(places, pooling.max_positions(x, y, window))


@both_types
def test_unpooling_where_positions_come_twice(dtype, there):
    rng = np.random.default_rng(0)
    x, gy = images(rng, (2, 3, 6, 5), dtype), images(rng, (2, 3, 7, 9), dtype)
    positions = rng.integers(0, 63, x.shape)
    assert len(np.unique(positions[0, 0])) < 30
    y = resampling.scatter(there(x), there(positions), (7, 9))[0].get()
    expected = np.zeros((2, 3, 63), dtype)
    for n, c, h, w in np.ndindex(x.shape):
        expected[n, c, positions[n, c, h, w]] = x[n, c, h, w]
    np.testing.assert_array_equal(y, expected.reshape(y.shape))
    gx = resampling.gather(there(gy), there(positions), x.shape).get()
    places = resampling.scatter(x, positions, (7, 9))[1]
    np.testing.assert_array_equal(gx, resampling.gather(gy, places, x.shape))


@both_types
@pytest.mark.parametrize("seed", range(4))
def test_channels(seed, dtype, compare):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 4)), *sizes(rng)[1:])
    x, gy = images(rng, shape, dtype), images(rng, shape, dtype)
    scale, shift, gy_scale = rng.standard_normal((3, shape[1])).astype(dtype)
    compare(lambda x: channels.channel_moments(x)[2:], x + dtype(seed))
    compare(channels.channel_products, gy, x, tolerance=1e-4)
    compare(channels.channel_affine, x, scale, shift)
    compare(channels.channel_affine, x, scale, shift, gy, gy_scale)


def test_the_variance_of_values_far_from_zero(there):
    x = (1000 + np.random.default_rng(0).standard_normal((4, 2, 30, 30))).astype(np.float32)
    variance = channels.channel_moments(there(x))[3].get()
    np.testing.assert_allclose(variance, x.astype(float).var(axis=(0, 2, 3)), 1e-3)


@both_types
@pytest.mark.parametrize("seed", range(4))
def test_regions(seed, dtype, compare):
    rng = np.random.default_rng(seed)
    shape, count, bins = (3, *sizes(rng)[1:]), int(rng.integers(0, 7)), (2, 3)
    x, gy = images(rng, shape, dtype), images(rng, (count, shape[1], *bins), dtype)
    places = np.sort(rng.integers(0, 3, count))
    ends = [np.sort(rng.integers(-2, size + 3, (2, count)), axis=0) for size in shape[2:]]
    axes = [(first, last - first, n, size) for (first, last), n, size in zip(ends, bins, shape[2:], strict=True)]
    rows, columns = (region.whole_bins(*axis) for axis in axes)
    down, across = (region.mean_weights(*b, size) for b, size in zip((rows, columns), shape[2:], strict=True))
    compare(lambda x: region.weigh(x, places, down, across), x)
    compare(lambda gy: region.weigh_gradient(gy, shape, places, down, across), gy)

    def largest(x, gy):
        y, best = region.largest(x, places, rows, columns)
        return y, best, region.largest_gradient(gy, best, shape, places, rows, columns)

    compare(largest, x, gy)


def test_arrays_of_two_types_are_refused(there):
    x = np.ones((1, 1, 2, 2))
    with pytest.raises(TypeError, match="channel_products: arrays must be of one type, got float32, float64"):
        channels.channel_products(there(x.astype(np.float32)), there(x))
    scale = there(np.ones(1, np.float32))
    assert channels.channel_affine(there(x), scale, scale).dtype == np.float64  # as on the CPU


def test_convolutions_on_the_device_keep_planes_whole(there):
    """What a convolution gives needs no copy before the next kernel."""
    rng = np.random.default_rng(0)
    x, w = there(rng.standard_normal((2, 3, 8, 8))), there(rng.standard_normal((4, 3, 3, 3)))
    y = convolution.conv2d(x, w, None, lowering.Geometry((3, 3), padding=(1, 1)))
    assert y.shape == (2, 4, 8, 8) and launch.planes(y)[0] is y
