"""A network of ours beside its twin of PyTorch's layers: the same outputs, gradients and running statistics."""

from contextlib import contextmanager

import numpy as np

from minidl import Tensor, nn, no_grad, optim
from minidl import functional as F


def count(model):
    return sum(p.size for p in model.parameters())


@no_grad()
def prepared(model, x, seed=1):
    """The model without dropout, with scales and shifts that are not 1 and 0, and with running statistics that are near
    those of x: else a signal that grows or dies on its way hides every difference in evaluation mode.
    """
    rng = np.random.default_rng(seed)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momentum = {norm: norm.momentum for norm in norms}
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0
    for norm in norms:
        norm.weight.data[...] = rng.uniform(0.5, 1.5, norm.num_features)
        norm.bias.data[...] = rng.uniform(-0.5, 0.5, norm.num_features)
        norm.momentum = 1
    getattr(model.train(), "forward_with_aux", model)(Tensor(x))
    for norm in norms:
        norm.running_mean += rng.uniform(-0.5, 0.5, norm.num_features) * np.sqrt(norm.running_var)
        norm.running_var *= rng.uniform(0.5, 1.5, norm.num_features)
        norm.momentum = momentum[norm]
    return model


@contextmanager
def one_thread(torch):
    """PyTorch's threads wait for each other at every layer, which takes long where other tests run beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def assert_same_network(torch, ours, theirs, x, labels, auxiliary=None):
    """The same outputs in both modes, in float32 to 1e-4; then in float64 the gradients and statistics of a step.

    auxiliary: the weight of the auxiliary losses. Then theirs gives a tuple of logits, and ours has forward_with_aux(x)
    and loss(outputs, labels); else both give logits.
    """
    state = {name: array.copy() for name, array in ours.state_dict().items()}
    load(torch, theirs, state)
    for training in (True, False):
        with no_grad(), torch.no_grad(), one_thread(torch):
            ours.train(training)
            outputs = (ours.forward_with_aux if auxiliary else ours)(Tensor(x))
            expected = theirs.train(training)(torch.tensor(x))
        assert expected[0].abs().max() > 0.01, "so small that all networks would be the same"
        for y, z in zip(_tuple(outputs), _tuple(expected), strict=True):
            np.testing.assert_allclose(y.data, z.numpy(), 1e-4, 1e-4 * max(1, z.abs().max()))
    ours.load_state_dict(state)
    _to_float64(ours.train())
    load(torch, theirs.double().train(), ours.state_dict())

    tensor = Tensor(x.astype(np.float64), requires_grad=True)
    t = torch.tensor(tensor.data, requires_grad=True)
    loss = ours.loss(ours.forward_with_aux(tensor), labels) if auxiliary else F.cross_entropy(ours(tensor), labels)
    loss.backward()
    with one_thread(torch):
        losses = [torch.nn.functional.cross_entropy(z, torch.tensor(labels)) for z in _tuple(theirs(t))]
        expected = losses[0] + sum(auxiliary * z for z in losses[1:])
        expected.backward()
    np.testing.assert_allclose(loss.item(), expected.item(), 1e-9)
    _assert_close(tensor.grad, t.grad, "x")
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    assert gradients.keys() == dict(ours.named_parameters()).keys()
    for name, parameter in ours.named_parameters():
        _assert_close(parameter.grad, gradients[name], name)
    for name, buffer in theirs.named_buffers():
        np.testing.assert_allclose(ours.state_dict()[name], buffer.numpy(), 1e-8, err_msg=name)


def load(torch, model, state):
    """Weights of ours into a network of PyTorch's, strictly by name."""
    model.load_state_dict({name: torch.tensor(array) for name, array in state.items()})


def _tuple(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


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


def losses_on_one_batch(model, steps):
    """The loss before each of so many steps on 16 images of noise: a network that learns gets them by heart."""
    x = Tensor(np.random.default_rng(3).standard_normal((16, 3, 32, 32)).astype(np.float32))
    optimizer, losses = optim.SGD(model.parameters(), lr=0.05, momentum=0.9), []
    for _ in range(steps):
        loss = F.cross_entropy(model(x), np.arange(16) % 10)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def outputs_of(model, kind, input_shape):
    """name -> (C, H, W) of what each module of a class gives for one image of zeros."""
    shapes = {}
    for name, module in model.named_modules():
        if isinstance(module, kind):
            module.register_forward_hook(lambda m, x, y, name=name: shapes.setdefault(name, y.shape[1:]))
    with no_grad():
        model.eval()(Tensor(np.zeros((1, *input_shape), np.float32)))
    return shapes
