"""Every op, optimizer and training step gives on a GPU what it gives on the CPU, and nothing leaves the GPU unasked.

They run on a stand-in for CuPy, and on a GPU too where there is one (`pytest -m gpu`).
"""

import inspect
import sys

import numpy as np
import pytest
import standin_cupy
from test_gradients import CASES

import minidl
from minidl import backend, data, models, nn, optim
from minidl import functional as F

only_the_stand_in = pytest.mark.parametrize("cupy", ["stand-in"], indirect=True)


def on_device(x):
    return None if x is None else backend.to_device(x, "cuda")


def settings_on_device(op):
    """Targets, running statistics and the like, which an op was given beside its inputs."""
    for name, value in list(vars(op).items()):
        if isinstance(value, np.ndarray) and name not in ("index", "boxes", "images"):  # these stay on the host
            setattr(op, name, on_device(value))
    return op


@pytest.mark.parametrize("name", CASES)
def test_every_op_gives_on_the_device_what_it_gives_on_the_host(name, cupy):
    make, inputs = CASES[name]
    arrays = inputs(np.random.default_rng(0))
    there = settings_on_device(make())
    y_there = there.forward(*map(on_device, arrays))
    op = make()  # anew: where it draws random numbers, the same ones
    y = op.forward(*arrays)
    assert isinstance(y_there, cupy.ndarray) and y_there.dtype == np.asarray(y).dtype
    np.testing.assert_allclose(y_there.get(), y, 1e-10, 1e-12)
    gy = np.random.default_rng(1).standard_normal(np.shape(y))
    for g, g_there in zip(op.backward(gy), there.backward(on_device(gy)), strict=True):
        assert (g is None) == (g_there is None)
        if g is not None:
            assert isinstance(g_there, cupy.ndarray) and g_there.dtype == g.dtype
            np.testing.assert_allclose(g_there.get(), g, 1e-10, 1e-12)


@pytest.mark.parametrize("name", CASES)
def test_float32_stays_float32(name, cupy):
    make, inputs = CASES[name]
    arrays = [x.astype(np.float32) for x in inputs(np.random.default_rng(0))]
    op = settings_on_device(make())
    y = op.forward(*map(on_device, arrays))
    assert y.dtype == np.float32
    gy = on_device(np.ones(y.shape, np.float32))
    assert {g.dtype for g in op.backward(gy) if g is not None} == {np.dtype(np.float32)}


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "Nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3, nesterov=True),
    "Adam": lambda p: optim.Adam(p, lr=0.01, eps=1e-3),
}


def state_after_steps(name, shape, optimizer, device, batch=4, steps=2):
    """The weights and statistics of a network, the same at first on every device, after steps on the same images."""
    minidl.manual_seed(0)
    model = models.CifarResNet(8, 10, shape) if name == "resnet8" else models.create(name, 10, input_shape=shape)
    optimizer = OPTIMIZERS[optimizer](model.to(device).parameters())
    rng = np.random.default_rng(0)
    x = minidl.Tensor(rng.standard_normal((batch, *shape)).astype(np.float32)).to(device)
    targets = minidl.Tensor(rng.integers(0, 10, batch)).to(device)
    standin_cupy.synchronizations = 0
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), targets).backward()
        optimizer.step()
    if device == "cuda" and sys.modules["cupy"] is standin_cupy:
        # One a step: whether a label is out of range is known on the device only.
        assert standin_cupy.synchronizations == steps
    return {key: backend.to_device(value, "cpu") for key, value in model.state_dict().items()}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name, shape", [("lenet5", (1, 28, 28)), ("resnet8", (3, 16, 16)), ("mlp", (1, 28, 28))])
def test_training_steps_give_the_same_weights_and_wait_for_the_device_only_in_the_loss(name, shape, optimizer, cupy):
    here, there = (state_after_steps(name, shape, optimizer, device) for device in ("cpu", "cuda"))
    for key, value in here.items():
        np.testing.assert_allclose(there[key], value, 2e-3, 2e-5, err_msg=key)


@pytest.mark.gpu
def test_a_step_of_resnet20(cupy):
    here, there = (state_after_steps("resnet20", (3, 32, 32), "SGD", device, 16, 1) for device in ("cpu", "cuda"))
    for key, value in here.items():
        np.testing.assert_allclose(there[key], value, 2e-3, 2e-5, err_msg=key)


@only_the_stand_in
def test_a_number_read_from_a_tensor_is_counted(cupy):
    loss = F.mse_loss(minidl.ones(3, device="cuda"), minidl.zeros(3, device="cuda"))
    assert standin_cupy.synchronizations == 0
    assert loss.item() == 1
    assert standin_cupy.synchronizations == 1


def test_mixed_devices_are_named(cupy):
    model = nn.Linear(3, 2).to("cuda")
    with pytest.raises(TypeError, match="cpu and cuda:0"):
        model(minidl.ones(4, 3))
    with pytest.raises(TypeError, match="cpu and cuda:0"):
        minidl.concatenate([minidl.ones(3), minidl.ones(3, device="cuda")])


def test_the_stand_in_refuses_what_cupy_refuses(cupy):
    x = cupy.ones(3)
    for wrong in (
        lambda: np.asarray(x),
        lambda: x + np.ones(3),
        lambda: np.ones(3) + x,
        lambda: np.add(x, np.ones(3)),
        lambda: cupy.add(x, np.ones(3)),
        lambda: np.add(x, x, out=np.empty(3)),
        lambda: cupy.zeros(3, like=x),
    ):
        with pytest.raises(TypeError):
            wrong()


@only_the_stand_in
def test_the_stand_in_lacks_what_cupy_lacks(cupy):
    for missing in (lambda: cupy.errstate, lambda: cupy.ones(3).ctypes):
        with pytest.raises(AttributeError):
            missing()


def test_the_real_cupy_has_what_the_stand_in_has():
    cupy = pytest.importorskip("cupy")
    for name in standin_cupy.UFUNCS | standin_cupy.CONSTANTS | set(standin_cupy.FUNCTIONS):
        assert hasattr(cupy, name), name
    for name, takes in standin_cupy.FUNCTIONS.items():
        parameters = inspect.signature(getattr(cupy, name)).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            assert set(takes.split()) <= set(parameters), name
    for name in standin_cupy.METHODS:
        assert hasattr(cupy.ndarray, name), name


def test_a_loader_feeds_the_device(cupy):
    images = data.create("fashion-mini", train=False)
    images.transform = data.ToArray()
    x, y = next(iter(data.DataLoader(images, batch_size=8)))
    assert x.to("cuda").device == "cuda:0" and y.to("cuda").device == "cuda:0"
