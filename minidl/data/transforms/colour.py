"""Other colours: along the principal components of the training images, and in hue, saturation and exposure."""

import numpy as np

from .checks import check_image
from .compose import Transform

# Of ImageNet's pixels between 0 and 1; component k is column k. From the training code that Facebook published for
# ResNets (fb.resnet.torch, imagenet.lua).
IMAGENET_EIGENVALUES = (0.2175, 0.0188, 0.0045)
IMAGENET_EIGENVECTORS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))


class RandomPCAColor(Transform):
    """Add the same random colour to all pixels, along the principal components of the training images' colours.

    image + sum over k of alpha_k lambda_k p_k, with alpha_k normal of deviation std: (3, H, W) between 0 and 1, so it
    comes after ToArray and before Normalize. lambda: eigenvalues (3,) and p: eigenvectors (3, 3), component k in
    column k, of the covariance of the colours; those of ImageNet, or `data.channel_statistics` finds them.
    Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012, section 4.1.

    >>> grey = np.full((3, 1, 1), 0.5, np.float32)
    >>> RandomPCAColor()(grey, np.random.default_rng(0)).ravel().round(3)
    array([0.498, 0.498, 0.499], dtype=float32)
    """

    random = True

    def __init__(self, std=0.1, eigenvalues=IMAGENET_EIGENVALUES, eigenvectors=IMAGENET_EIGENVECTORS):
        self.std, self.eigenvalues, self.eigenvectors = std, np.asarray(eigenvalues), np.asarray(eigenvectors)
        if not std >= 0:
            raise ValueError(f"RandomPCAColor: std must be 0 or more, got {std}")
        if self.eigenvalues.shape != (3,) or self.eigenvectors.shape != (3, 3):
            raise ValueError(
                "RandomPCAColor: expected eigenvalues (3,) and eigenvectors (3, 3), "
                f"got {self.eigenvalues.shape} and {self.eigenvectors.shape}"
            )

    def __call__(self, image, rng):
        if image.dtype.kind != "f" or image.ndim != 3 or len(image) != 3:
            raise ValueError(
                f"RandomPCAColor: expected floats (3, H, W), got {image.dtype} of shape {image.shape}; "
                "put it after ToArray(), on colour images"
            )
        alpha = rng.normal(0, self.std, 3)
        colour = self.eigenvectors @ (alpha * self.eigenvalues)
        return image + colour.astype(image.dtype)[:, None, None]

    def __repr__(self):
        return f"RandomPCAColor(std={self.std})"


class RandomHSV(Transform):
    """Change hue, saturation and exposure (HSV's value) of a colour image (H, W, 3) at random.

    hue: turned by up to this part of the colour circle, either way. saturation, exposure: multiplied or, as often,
    divided by a factor from 1 to this one; what would go beyond the largest value stays there.
    Redmon et al., You Only Look Once, 2016, section 2.2, has the factor 1.5; the hue is from its published code.

    >>> RandomHSV()(np.full((1, 1, 3), (250, 100, 100), np.uint8), np.random.default_rng(0))
    array([[[248, 138, 117]]], dtype=uint8)
    """

    random = True

    def __init__(self, hue=0.1, saturation=1.5, exposure=1.5):
        if not (0 <= hue <= 0.5 and saturation >= 1 and exposure >= 1):
            raise ValueError(
                "RandomHSV: expected hue from 0 to 0.5, saturation and exposure from 1, "
                f"got {hue}, {saturation} and {exposure}"
            )
        self.hue, self.saturation, self.exposure = hue, saturation, exposure

    def __call__(self, image, rng):
        check_image(image, "RandomHSV")
        if image.dtype != np.uint8 or image.shape[2:] != (3,):
            raise ValueError(
                f"RandomHSV: expected colour pixels, uint8 (H, W, 3), got {image.dtype} of shape {image.shape}"
            )
        turn = rng.uniform(-self.hue, self.hue)
        factors = [rng.uniform(1, most) ** rng.choice((-1, 1)) for most in (self.saturation, self.exposure)]
        return shift_hsv(image, turn, *factors)

    def __repr__(self):
        return f"RandomHSV(hue={self.hue}, saturation={self.saturation}, exposure={self.exposure})"


def shift_hsv(image, hue, saturation, exposure):
    """uint8 (H, W, 3) with its hue turned by a part of the circle, saturation and value multiplied and cut at 1.

    With V the largest of R, G, B, chroma c = V - the smallest, S = c / V, and H the place on the circle in sixths:
    channel n is V - V S max(0, min(k, 4 - k, 1)), k = (n + H) mod 6, with n = 5, 3, 1 for R, G, B.

    >>> shift_hsv(np.array([[[200, 0, 0]]], np.uint8), 1 / 3, 1, 0.5)
    array([[[  0, 100,   0]]], dtype=uint8)
    """
    r, g, b = np.moveaxis(image.astype(np.float32) / 255, -1, 0)
    value = np.maximum(np.maximum(r, g), b)
    chroma = value - np.minimum(np.minimum(r, g), b)
    divisor = np.where(chroma > 0, chroma, 1)
    sixths = np.where(value == r, (g - b) / divisor, np.where(value == g, 2 + (b - r) / divisor, 4 + (r - g) / divisor))
    sixths += np.float32(6 * hue)
    value_after = np.minimum(value * np.float32(exposure), 1)
    saturation_after = np.minimum(chroma / np.where(value > 0, value, 1) * np.float32(saturation), 1)
    chroma = value_after * saturation_after
    out = np.empty_like(image)
    for channel, n in enumerate((5, 3, 1)):
        k = (n + sixths) % 6
        part = value_after - chroma * np.clip(np.minimum(k, 4 - k), 0, 1)
        out[..., channel] = np.rint(part * 255)
    return out
