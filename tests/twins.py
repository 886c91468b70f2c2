"""A network of ours beside its twin of PyTorch's layers: the same outputs, gradients and running statistics."""

from contextlib import contextmanager

import numpy as np

from minidl import Tensor, nn, no_grad


def count(model):
    return sum(p.size for p in model.parameters())


def prepared(model, seed=1):
    """The model without dropout, with scales, shifts and running statistics that are not 0 and 1."""
    rng = np.random.default_rng(seed)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0
        elif isinstance(module, nn.BatchNorm2d):
            for array in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                array[...] = rng.uniform(0.5, 1.5, array.shape)
    return model


@contextmanager
def one_thread(torch):
    """PyTorch's threads wait for each other at every layer, which takes long where other tests run beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def assert_same_outputs(torch, ours, theirs, x, forward=None):
    """In float32, in both modes, to 1e-4. forward(model, x) gives the outputs as a tuple, or else model(x) does."""
    forward = forward or (lambda model, x: (model(x),))
    state = {name: array.copy() for name, array in ours.state_dict().items()}
    theirs.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
    for training in (True, False):
        with no_grad(), torch.no_grad(), one_thread(torch):
            outputs = forward(ours.train(training), Tensor(x))
            expected = forward(theirs.train(training), torch.tensor(x))
        assert len(outputs) == len(expected)
        for y, z in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(y.data, z.numpy(), 1e-4, 1e-4 * max(1, z.abs().max()))
    ours.load_state_dict(state)


def assert_same_step(torch, ours, theirs, x, loss, their_loss):
    """In float64: loss(model, x), its gradient for x and every parameter, and the statistics after a training step."""
    _to_float64(ours.train())
    theirs.double().train()
    theirs.load_state_dict({name: torch.tensor(array) for name, array in ours.state_dict().items()})
    x = x.astype(np.float64)
    tensor, t = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = loss(ours, tensor)
    y.backward()
    with one_thread(torch):
        z = their_loss(theirs, t)
        z.backward()
    np.testing.assert_allclose(y.item(), z.item(), 1e-9)
    _assert_close(tensor.grad, t.grad, "x")
    expected = dict(theirs.named_parameters())
    assert len(expected) == len(list(ours.parameters()))
    for name, parameter in ours.named_parameters():
        assert expected[name].grad is not None, f"{name} takes no part"
        _assert_close(parameter.grad, expected[name].grad, name)
    state = ours.state_dict()
    for name, buffer in theirs.named_buffers():
        np.testing.assert_allclose(state[name], buffer.numpy(), 1e-8, err_msg=name)


def _assert_close(gradient, expected, name):
    expected = expected.numpy()
    np.testing.assert_allclose(gradient, expected, 1e-7, 1e-8 * max(1e-3, np.abs(expected).max()), err_msg=name)


def _to_float64(model):
    for module in model.modules():
        for parameter in module._parameters.values():
            parameter.data = parameter.data.astype(np.float64)
        for name, array in module._buffers.items():
            if array.dtype.kind == "f":
                module._buffers[name] = array.astype(np.float64)


def outputs_of(model, kind, input_shape):
    """name -> (C, H, W) of what each module of a class gives for one image of zeros."""
    shapes = {}
    for name, module in model.named_modules():
        if isinstance(module, kind):
            module.register_forward_hook(lambda m, x, y, name=name: shapes.setdefault(name, y.shape[1:]))
    with no_grad():
        model.eval()(Tensor(np.zeros((1, *input_shape), np.float32)))
    return shapes
