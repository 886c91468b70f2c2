"""Models by name, and what they cannot be made for: one sentence that says what they take."""

import re

import numpy as np
import pytest
from counting import undrawn

import minidl
from minidl import cli, models, no_grad

WITHOUT_WIDTH = "mlp", "lenet5"
every_model = pytest.mark.parametrize("name", models.names())


def small(name, *shape, **settings):
    """An eighth as wide, without weights."""
    width = {} if name in WITHOUT_WIDTH else {"width": 1 / 8}
    return undrawn(name, input_shape=shape, **width, **settings).eval()


@no_grad()
def output_shape(model, *shape):
    outputs = getattr(model, "forward_with_aux", model)(minidl.zeros(1, *shape))
    return (outputs[0] if isinstance(outputs, tuple) else outputs).shape


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (224, 160)], ids=str)
@every_model
def test_an_image_size_works_or_the_least_is_named(name, size):
    channels, classes = models.input_shape(name)[0], models.num_classes(name)
    try:
        model = small(name, channels, *size)
    except ValueError as error:
        sentence = r"\w+ takes images of (\d+)x\1( or more| or \d+x\d+)?, got {}x{}: .+".format(*size)
        wanted = re.fullmatch(sentence, str(error))
        assert wanted, error
        least = int(wanted[1])
        model = small(name, channels, least, least)
        assert output_shape(model, channels, least, least) == (1, classes)
        if wanted[2] == " or more":  # and it is the least
            with pytest.raises(ValueError, match="larger than the image"):
                output_shape(model, channels, least - 1, least - 1)
    else:
        assert output_shape(model, channels, *size) == (1, classes or size[0] * size[1])


@every_model
def test_grey_images(name):
    shape = (1, *models.input_shape(name)[1:])
    model = small(name, *shape)
    first = next(p for p in model.parameters() if p.ndim > 1)
    assert first.shape[1] == (28 * 28 if name in ("mlp", "highway") else 1)


@every_model
def test_numbers_of_classes(name):
    for number in (0, -1, True, 2.5, "7", np.float64(3), [10]):
        with pytest.raises(ValueError) as error:
            models.create(name, num_classes=number)
        assert str(error.value) == f"{name}: num_classes must be a whole number from 1 on, got {number!r}"


@pytest.mark.parametrize(
    "shape", [(), (3, 32), (3, 32, 32, 1), (0, 32, 32), (3, -1, 32), (3, 32.0, 32), (True, 28, 28), "3x3", 32], ids=repr
)
def test_input_shapes(shape):
    for name in ("mlp", "resnet20", "vgg16"):
        with pytest.raises(ValueError) as error:
            models.create(name, input_shape=shape)
        wanted = "input_shape must be (channels, height, width), from 1 on"
        assert str(error.value) == f"{name}: {wanted}, got {shape!r}"


def test_numbers_of_numpy_and_lists_are_taken():
    model = models.create("lenet5", np.int64(3), [np.int32(1), 32, 32])
    assert model(minidl.zeros(2, 1, 32, 32)).shape == (2, 3)


@pytest.mark.parametrize("name", [name for name in models.names() if name not in WITHOUT_WIDTH])
def test_widths(name):
    for width in (0, -1, float("nan"), float("inf"), "wide", None):
        with pytest.raises(ValueError, match=f"^width: expected a number above 0, got {width!r}$"):
            undrawn(name, width=width)
    if "googlenet" in name or "inception" in name:
        with pytest.raises(ValueError, match="a multiple of 1/8, so that branches add up to what follows, got 0.001"):
            undrawn(name, width=0.001)
        return
    assert all(min(p.shape) >= 1 for p in undrawn(name, width=0.001).parameters())


@every_model
def test_unknown_settings_are_named_beside_the_known(name):
    with pytest.raises(ValueError, match=f"^{name} has no setting 'widht'; it has ") as error:
        models.create(name, widht=0.5)
    assert ("width" in str(error.value).split("it has")[1]) == (name not in WITHOUT_WIDTH)


def test_what_a_name_stands_for_is_no_setting():
    with pytest.raises(ValueError, match="resnet18 has no setting 'depth'; it has groups, "):
        models.create("resnet18", depth=34)
    with pytest.raises(ValueError, match="^lenet5 has no setting 'width'; it has none$"):
        models.create("lenet5", width=0.5)


def test_the_command_line_says_the_same(capsys):
    assert cli.main(["summary", "vgg16", "--input", "3,8,8"]) == 2
    assert capsys.readouterr().err == "minidl: VGG takes images of 32x32 or more, got 8x8: enlarge them\n"


def test_descriptions_fit_a_line():
    """Of 80 columns, behind the longest name and the parameters; the name of a paper with its year, or "in small"."""
    for name in models.names():
        text = models.describe(name)
        assert len(text) <= 45 and not text.endswith("."), text
        assert re.search(r" (19|20)\d\db?(, [A-E-]+[LRN]*)?: ", text) or "in small" in text or name == "mlp", text
