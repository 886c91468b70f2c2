"""Image files to pixels, and pixels to other sizes; Pillow decodes and resamples."""

import numpy as np

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
ORIENTATION = 0x0112  # where EXIF data say how the camera was held, by these numbers
TURNS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE",
    8: "ROTATE_90",
}  # fmt: skip


def read_image(path, channels=3):
    """The pixels of an image file, uint8: (H, W, 3), or (H, W) with channels=1.

    As a viewer shows it: turned as its EXIF data say, palettes and CMYK as colours, 16 bits a pixel as 8; of an
    animation the first picture. What is transparent becomes black.

    Raises a ValueError that names a file which is no image, damaged, cut short, or beyond Pillow's limit of 179
    million pixels (a small file may claim any size).
    """
    from PIL import Image, UnidentifiedImageError  # takes as long to import as NumPy

    if channels not in (1, 3):
        raise ValueError(f"read_image: channels must be 1 (grey) or 3 (colour), got {channels!r}")
    try:
        with Image.open(path) as image:
            image = _on_black(_eight_bits(_upright(image), image.format))
            return np.array(image.convert("L" if channels == 1 else "RGB"))
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not an image that Pillow can read") from None
    except Exception as error:  # damaged files make Pillow fail in a dozen ways
        if isinstance(error, OSError) and error.errno is not None:  # no such file, no permission
            raise
        raise ValueError(f"{path} could not be read as an image: {error or type(error).__name__}") from error


def _upright(image):
    """Turned as its EXIF data say. ImageOps.exif_transpose writes these data anew too, and fails where they are odd."""
    from PIL import Image

    image.load()  # in some formats the EXIF data follow the pixels
    turn = TURNS.get(image.getexif().get(ORIENTATION))
    return image if turn is None else image.transpose(Image.Transpose[turn])


def _eight_bits(image, format):
    """16 bits a pixel become 8: Pillow would cut off what is above 255 instead."""
    from PIL import Image

    # Netpbm's 16 bits come in 32, and so do PNG's from Pillow before 10.3.
    if image.mode.startswith("I;16") or (image.mode == "I" and format in ("PPM", "PNG")):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"its pixels are of mode {image.mode} (32 bits), expected 8 or 16 bits")
    return image


def _on_black(image):
    """What is transparent becomes black, as around the training images; Pillow would uncover what lies below."""
    from PIL import Image

    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)


def resize(image, size, interpolation="bilinear"):
    """Pixels uint8 (H, W) or (H, W, C) resampled to size = (height, width); Pillow averages where it shrinks.

    >>> resize(np.array([[0, 100], [100, 200]], np.uint8), (1, 1))
    array([[100]], dtype=uint8)
    """
    from PIL import Image

    if image.dtype != np.uint8 or not image.size:
        raise TypeError(f"resize: expected uint8 pixels, got {image.dtype} of shape {image.shape}")
    if image.shape[:2] == size:
        return image
    if image.shape[2:] in ((2,), (4,)):  # Pillow would take the last channel for alpha, and the others times it
        channels = [resize(image[..., channel], size, interpolation) for channel in range(image.shape[2])]
        return np.stack(channels, axis=-1)
    pixels = image[..., 0] if image.shape[2:] == (1,) else image
    resized = Image.fromarray(pixels).resize(size[::-1], Image.Resampling[interpolation.upper()])
    return np.array(resized).reshape(*size, *image.shape[2:])
