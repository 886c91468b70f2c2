"""Image files of every kind, resampling, and ImageNet's preparation of pictures."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from minidl import data
from minidl.data.images import resize

RED_AND_BLACK = np.zeros((6, 9, 3), np.uint8)
RED_AND_BLACK[:2, :, 0] = 255


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# ---- Reading --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_images_of_every_mode_are_read(tmp_path, mode):
    suffix = "png" if mode == "PA" else "tiff"
    image = Image.new("RGBA", (10, 7)).quantize() if mode == "PA" else Image.new(mode, (10, 7))
    image.save(tmp_path / f"a.{suffix}")
    for channels, shape in ((1, (7, 10)), (3, (7, 10, 3))):
        pixels = data.read_image(tmp_path / f"a.{suffix}", channels)
        assert pixels.shape == shape and pixels.dtype == np.uint8 and pixels.flags.writeable


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA", "CMYK"])
def test_colours_come_out_as_they_look(tmp_path, mode):
    image = Image.fromarray(RED_AND_BLACK).convert(mode)
    image.save(tmp_path / "a.tiff")
    np.testing.assert_array_equal(data.read_image(tmp_path / "a.tiff"), RED_AND_BLACK)


@pytest.mark.parametrize("suffix, tolerance", [("png", 0), ("bmp", 0), ("gif", 0), ("webp", 60), ("jpg", 60)])
def test_formats(tmp_path, suffix, tolerance):
    Image.fromarray(RED_AND_BLACK).save(tmp_path / f"a.{suffix}")
    (tmp_path / f"a.{suffix}").rename(tmp_path / "no suffix")
    pixels = data.read_image(tmp_path / "no suffix")
    assert np.abs(pixels.astype(int) - RED_AND_BLACK).max() <= tolerance


def test_jpeg_in_cmyk_is_not_inverted(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    assert np.abs(data.read_image(tmp_path / "a.jpg").astype(int) - [255, 0, 0]).max() < 10


def test_what_is_transparent_becomes_black(tmp_path):
    palette = Image.fromarray(RED_AND_BLACK).quantize(2)
    palette.info["transparency"] = palette.getpixel((0, 0))
    palette.save(tmp_path / "palette.png")
    assert not data.read_image(tmp_path / "palette.png").any()
    Image.new("LA", (4, 4), (200, 0)).save(tmp_path / "la.png")
    assert not data.read_image(tmp_path / "la.png", 1).any()


TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", TURNS)
def test_a_photo_is_turned_as_its_exif_data_say(tmp_path, rng, orientation):
    pixels = rng.integers(0, 256, (5, 8, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(data.read_image(tmp_path / "a.png"), TURNS[orientation](pixels))


def test_of_an_animation_the_first_picture(tmp_path):
    frames = [Image.new("L", (4, 4), grey) for grey in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (data.read_image(tmp_path / "a.gif", 1) == 10).all()


@pytest.mark.parametrize("suffix", ["png", "tiff", "pgm"])
def test_of_16_bits_the_upper_8_are_kept(tmp_path, suffix):
    values = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    if suffix == "pgm":
        (tmp_path / "a.pgm").write_bytes(b"P5 5 1 65535\n" + values.astype(">u2").tobytes())
    else:
        Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    assert data.read_image(tmp_path / f"a.{suffix}", 1).tolist() == [[0, 0, 1, 128, 255]]


def test_odd_exif_data_do_not_hide_a_photo(tmp_path):
    """The maker's name as a fraction: written anew, as ImageOps.exif_transpose does, these data would fail."""
    entries = [(0x010F, 5, 1, 8), (0x0112, 3, 1, 6)]
    table = struct.pack("<H", 2) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    Image.new("RGB", (5, 8)).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0" + table)
    assert data.read_image(tmp_path / "a.jpg").shape == (5, 8, 3)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_a_pixel_are_named(tmp_path, mode):
    Image.new(mode, (4, 4)).save(tmp_path / "a.tiff")
    with pytest.raises(ValueError, match=rf"a\.tiff could not be read .* mode {mode} \(32 bits\), expected 8 or 16"):
        data.read_image(tmp_path / "a.tiff")


def test_a_conversion_that_pillow_does_not_know_is_named(tmp_path):
    Image.new("LAB", (4, 4)).save(tmp_path / "a.tiff")
    with pytest.raises(ValueError, match=r"a\.tiff could not be read as an image: .*LAB"):
        data.read_image(tmp_path / "a.tiff", channels=1)


def test_what_is_no_image_is_named(tmp_path):
    for content in (b"", b"no image", b"\x89PNG\r\n\x1a\n"):
        (tmp_path / "a.jpg").write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.jpg (is not an image|could not be read)"):
            data.read_image(tmp_path / "a.jpg")
    with pytest.raises(FileNotFoundError):
        data.read_image(tmp_path / "none.jpg")
    with pytest.raises(IsADirectoryError):
        data.read_image(tmp_path)
    with pytest.raises(ValueError, match="channels must be 1 .* or 3 .*, got 4"):
        data.read_image(tmp_path / "a.jpg", 4)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_a_truncated_photo_is_named_and_never_half_read(tmp_path, rng, suffix):
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / f"whole.{suffix}")
    whole = (tmp_path / f"whole.{suffix}").read_bytes()
    for size in [*range(0, len(whole) - 100, len(whole) // 20), len(whole) - 100]:
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises(ValueError, match="cut (is not an image|could not be read as an image)") as caught:
            data.read_image(tmp_path / "cut")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "tiff", "bmp", "webp"])
@pytest.mark.filterwarnings("ignore")
def test_damaged_photos_give_pixels_or_a_sentence(tmp_path, rng, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8)).save(
        stream, {"jpg": "jpeg"}.get(suffix, suffix), **({} if suffix in ("gif", "bmp") else {"exif": exif})
    )
    whole = stream.getvalue()
    for at in rng.integers(0, len(whole), 150):
        (tmp_path / "bad").write_bytes(whole[:at] + bytes([rng.integers(256)]) + whole[at + 1 :])
        try:
            assert data.read_image(tmp_path / "bad").dtype == np.uint8
        except ValueError as error:
            assert "bad" in str(error)


def test_a_small_file_that_claims_to_be_huge_is_refused(tmp_path):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    (tmp_path / "bomb.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"bomb\.png could not be read .*3600000000 pixels"):
        data.read_image(tmp_path / "bomb.png")


# ---- Other sizes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size, shape, expected",
    [
        (256, (375, 500), (256, 341)),
        (256, (500, 375), (341, 256)),
        (256, (256, 300), (256, 300)),
        (4, (10, 10), (4, 4)),
        (7, (1, 1000), (7, 7000)),
        ((3, 5), (10, 20), (3, 5)),
        (np.int64(4), (8, 9), (4, 4)),
    ],
)
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_resize_to_the_sizes_of_torchvision(rng, size, shape, expected, channels):
    image = rng.integers(0, 256, (*shape, *channels), np.uint8)
    before = image.copy()
    out = data.Resize(size)(image)
    assert out.shape == (*expected, *channels) and out.dtype == np.uint8
    np.testing.assert_array_equal(image, before)


def test_shrinking_by_a_whole_factor_averages_with_a_triangle(rng):
    """Bilinear, by 2: each output is the mean of four values weighted 1 3 3 1, in both directions."""
    image = rng.integers(0, 256, (8, 8), np.uint8)
    weights = np.array([1, 3, 3, 1]) / 8
    out = data.Resize(4)(image)
    for i in (1, 2):
        for j in (1, 2):
            window = image[2 * i - 1 : 2 * i + 3, 2 * j - 1 : 2 * j + 3]
            assert abs(weights @ window @ weights - out[i, j]) <= 1


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_resize_against_pytorch(torch, rng, interpolation):
    image = rng.integers(0, 256, (30, 41, 3), np.uint8)
    x = torch.tensor(image.transpose(2, 0, 1)[None].astype(np.float32))
    settings = {"mode": interpolation, "antialias": True, "align_corners": False}
    expected = torch.nn.functional.interpolate(x, (14, 17), **settings)[0].numpy().transpose(1, 2, 0)
    out = data.Resize((14, 17), interpolation)(image)
    np.testing.assert_allclose(out, expected.clip(0, 255), atol=1.01)


def test_resizing_to_the_same_size_changes_nothing(rng):
    image = rng.integers(0, 256, (5, 6, 3), np.uint8)
    assert resize(image, (5, 6)) is image


@pytest.mark.parametrize("shape, size", [((5, 7), 3), ((6, 6, 3), 3), ((5, 5), 5), ((224, 341, 3), (224, 224))])
def test_center_crop_against_loops(rng, shape, size):
    image = rng.integers(0, 256, shape, np.uint8)
    out = data.CenterCrop(size)(image)
    height, width = (size, size) if isinstance(size, int) else size
    assert out.shape == (height, width, *shape[2:])
    top, left = round((shape[0] - height) / 2), round((shape[1] - width) / 2)
    for h, w in ((0, 0), (height - 1, width - 1), (height // 2, width // 3)):
        np.testing.assert_array_equal(out[h, w], image[top + h, left + w])


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: data.Resize(0), ValueError, "Resize: expected a size from 1, or .height, width., got 0"),
        (lambda: data.Resize((3, 4, 5)), ValueError, "got .3, 4, 5."),
        (lambda: data.Resize(2.5), ValueError, "got 2.5"),
        (lambda: data.Resize(4, "linear"), ValueError, "one of nearest, bilinear, bicubic, got 'linear'"),
        (lambda: data.Resize(4)(np.zeros((3, 8, 8), np.uint8)), ValueError, "put it before ToArray"),
        (lambda: data.Resize(4)(np.zeros((8, 8))), TypeError, "expected uint8 pixels, got float64"),
        (lambda: data.Resize(4)(np.zeros((8, 8, 0), np.uint8)), TypeError, "of shape .8, 8, 0."),
        (lambda: data.CenterCrop(9)(np.zeros((8, 10), np.uint8)), ValueError, "9 x 9 does not fit .* put Resize"),
        (lambda: data.CenterCrop(-1), ValueError, "CenterCrop: expected a size"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- ImageNet -------------------------------------------------------------------------------------------------


def test_the_thousand_classes():
    names, wnids = data.imagenet_classes(), data.imagenet_wnids()
    assert len(names) == len(wnids) == 1000 and len(set(wnids)) == 1000
    assert all(wnid[0] == "n" and len(wnid) == 9 and wnid[1:].isdigit() for wnid in wnids)
    assert list(wnids) == sorted(wnids)  # the order of the outputs is that of the folders
    known = {0: "tench", 207: "golden retriever", 282: "tiger cat", 404: "airliner", 999: "toilet tissue"}
    assert {i: names[i] for i in known} == known


@pytest.mark.parametrize("channels", [2, 4])
def test_a_last_channel_is_not_taken_for_alpha(rng, channels):
    image = rng.integers(0, 256, (9, 7, channels), np.uint8)
    expected = [resize(image[..., k], (4, 5)) for k in range(channels)]
    np.testing.assert_array_equal(resize(image, (4, 5)), np.stack(expected, axis=-1))


def test_top_k_of_counts():
    assert data.top_k(np.array([0, 5, 3], np.uint8), 2) == [(1, 5), (2, 3)]
    assert data.top_k(np.array([False, True]), 1) == [(1, 1)]


def test_top_k():
    scores = np.float32([0.1, 0.5, 0.1, 0.3])
    assert data.top_k(scores, 3) == [(1, 0.5), (3, pytest.approx(0.3)), (0, pytest.approx(0.1))]
    assert [name for name, _ in data.top_k(scores, 9, "abcd")] == ["b", "d", "a", "c"]
    for scores, classes in ((np.ones((2, 3)), None), (np.ones(3), ["a", "b"])):
        with pytest.raises(ValueError, match=r"top_k: expected scores \(K,\), one a class"):
            data.top_k(scores, 1, classes)
