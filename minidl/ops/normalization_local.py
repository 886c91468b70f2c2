"""Local response normalization: channels that compete with their neighbours."""

from minidl import backend
from minidl.autograd import Op
from minidl.kernels.checks import is_whole
from minidl.kernels.layout import as_images, as_rows, by_rows

from .checks import check_images


class LocalResponseNorm(Op):
    """y_c = x_c / s_c^beta, s_c = k + alpha / size * the sum of x^2 over `size` neighbouring channels.

    Krizhevsky et al. 2012, section 3.3. Channels c - size // 2 to c + (size - 1) // 2 count, as far as they exist.
    x (N, C, H, W). As in PyTorch alpha is divided by the size; the paper's is not, so its k = 2, n = 5, alpha = 1e-4,
    beta = 0.75 are here size=5, alpha=5e-4, beta=0.75, k=2. Each x is in the s of its neighbours too:

        gx_c = gy_c s_c^-beta - 2 alpha beta / size x_c * sum of gy_j y_j / s_j over the j whose window holds c

    >>> import numpy as np
    >>> LocalResponseNorm(2, alpha=2, beta=1, k=0).forward(np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)).ravel()
    array([1.        , 0.4       , 0.23076923])
    """

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        if not is_whole(size) or size < 1:
            raise ValueError(f"local_response_norm: size must be a whole number of channels from 1, got {size!r}")
        if k < 0 or alpha < 0:
            raise ValueError(f"local_response_norm: k and alpha must be at least 0, got k {k} and alpha {alpha}")
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x):
        check_images("local_response_norm", x)
        xp, rows = backend.get_array_module(x), as_rows(x)
        s, y = xp.empty_like(rows), xp.empty_like(rows)

        def part(start, stop):
            x_rows, s_rows = rows[start:stop], s[start:stop]
            _sum_neighbours(x_rows * x_rows, self.size // 2, (self.size - 1) // 2, s_rows)
            s_rows *= self.alpha / self.size
            s_rows += self.k
            xp.multiply(x_rows, self._power(s_rows), out=y[start:stop])

        by_rows(part, rows)
        self.saved = rows, s
        return as_images(y)

    def backward(self, gy):
        rows, s = self.saved
        xp, gy_rows = backend.get_array_module(gy), as_rows(gy)
        gx = xp.empty_like(rows)

        def part(start, stop):
            x_rows, gx_rows = rows[start:stop], gx[start:stop]
            direct = self._power(s[start:stop])
            direct *= gy_rows[start:stop]
            # Channel c is in the windows of those that are as far before it as a window reaches behind, and vice versa.
            _sum_neighbours(direct * x_rows / s[start:stop], (self.size - 1) // 2, self.size // 2, gx_rows)
            gx_rows *= x_rows
            gx_rows *= -2 * self.alpha * self.beta / self.size
            gx_rows += direct

        by_rows(part, rows)
        return (as_images(gx),)

    def _power(self, s):
        """s^-beta, by way of logarithms: twice as fast as a power."""
        xp = backend.get_array_module(s)
        power = xp.log(s)
        power *= -self.beta
        return xp.exp(power, out=power)


def _sum_neighbours(rows, before, after, out):
    """out = for each channel c of rows (H, C, W, N), the sum of channels c - before to c + after that there are."""
    out[...] = rows
    for distance in range(1, before + 1):
        out[:, distance:] += rows[:, :-distance]
    for distance in range(1, after + 1):
        out[:, :-distance] += rows[:, distance:]
