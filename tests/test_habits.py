"""What people type from habit, and what would go wrong without a word if nobody looked."""

import numpy as np
import pytest
from PIL import Image

import minidl
from minidl import Tensor, data, nn, no_grad, ops
from minidl import functional as F
from minidl.serialization import write_atomically


def leaf(*values):
    return Tensor(np.array(values, np.float32), requires_grad=True)


def test_gradient_descent_by_hand():
    w = leaf(1.0, 2.0)
    array = w.data
    (w * w).sum().backward()
    with no_grad():
        w -= 0.25 * w.grad
        w *= Tensor([2.0, 1.0])
    np.testing.assert_array_equal(w.data, [1.0, 1.0])
    assert w.data is array and w.requires_grad and w.creator is None


def test_a_weight_is_not_changed_in_place_while_recording():
    w = leaf(1.0)
    with pytest.raises(RuntimeError, match="no_grad"):
        w -= 0.1
    np.testing.assert_array_equal(w.data, [1.0])


def test_in_place_operators_elsewhere_make_a_new_tensor():
    x = leaf(1.0, 2.0)
    y = x * 2
    z = y
    z += x
    z.sum().backward()
    np.testing.assert_array_equal(y.data, [2.0, 4.0])
    np.testing.assert_array_equal(x.grad, [3.0, 3.0])


def test_an_op_object_serves_one_call_of_a_graph():
    op = ops.ReLU()
    op(leaf(1.0))
    with pytest.raises(RuntimeError, match="make a new one for each call"):
        op(leaf(2.0))


def test_numbers_are_formatted():
    assert f"{Tensor(1.23456):.2f}" == "1.23"
    assert f"{Tensor([1.0])}" == "tensor([1.])"


def test_a_parameter_is_not_replaced_by_what_is_not_learned():
    layer = nn.Conv2d(1, 1, 3)
    for value in (Tensor(np.ones((1, 1, 3, 3))), np.ones((1, 1, 3, 3))):
        with pytest.raises(TypeError, match="weight is a Parameter"):
            layer.weight = value
    layer.weight = nn.Parameter(np.ones((1, 1, 3, 3), np.float32))
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]


@pytest.mark.parametrize("layer", [nn.Linear(784, 10), nn.Conv2d(1, 2, 3)])
def test_pixels_without_toarray_are_named(layer):
    shape = (4, 784) if isinstance(layer, nn.Linear) else (4, 1, 28, 28)
    with pytest.raises(TypeError, match="ToArray"):
        layer(Tensor(np.zeros(shape, np.uint8)))


def test_one_image_without_a_batch_is_named():
    with pytest.raises(ValueError, match=r"x\[None\]"):
        nn.Conv2d(1, 2, 3)(minidl.zeros(1, 28, 28))


def test_the_first_argument_of_the_built_in_data_is_not_train():
    with pytest.raises(TypeError):
        data.FashionMini(False)


def test_integers_as_targets_of_a_regression_keep_float32():
    x = leaf(1.0, 3.0)
    loss = F.mse_loss(x, np.array([1, 2]))
    loss.backward()
    assert loss.dtype == x.grad.dtype == np.float32


def test_targets_as_a_list():
    logits = Tensor(np.eye(3, dtype=np.float32))
    assert F.cross_entropy(logits, [0, 1, 2]).item() == F.cross_entropy(logits, np.arange(3)).item()


@pytest.mark.parametrize("state, error", [([1.0], TypeError), ("weights.npz", TypeError)])
def test_what_is_no_state_dict(state, error):
    with pytest.raises(error, match="takes a dict of arrays"):
        nn.Linear(2, 1).load_state_dict(state)


def test_a_state_dict_of_words_changes_nothing():
    layer = nn.Linear(2, 1)
    before = layer.weight.data.copy()
    with pytest.raises(ValueError, match="type of bias"):
        layer.load_state_dict({"weight": [[5.0, 5.0]], "bias": np.array(["x"])})
    np.testing.assert_array_equal(layer.weight.data, before)


def test_pictures_of_other_depths_are_read_as_they_look(tmp_path):
    ramp = np.arange(0, 256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "8.png")
    Image.fromarray(ramp.astype(np.uint16) * 257).save(tmp_path / "16.png")
    alpha = np.where(ramp > 128, 255, 0).astype(np.uint8)
    Image.fromarray(np.dstack([ramp] * 3 + [alpha])).save(tmp_path / "transparent.png")
    np.testing.assert_array_equal(data.read_image(tmp_path / "8.png", 1), ramp)
    np.testing.assert_array_equal(data.read_image(tmp_path / "16.png", 1), ramp)
    np.testing.assert_array_equal(data.read_image(tmp_path / "transparent.png", 1), np.where(ramp > 128, ramp, 0))


def test_a_file_is_written_through_a_link_and_not_over_a_device(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with write_atomically(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"
    with pytest.raises(OSError, match="no ordinary file"), write_atomically(tmp_path) as file:
        file.write(b"new")
