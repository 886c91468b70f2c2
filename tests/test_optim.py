"""Optimizers and schedules: PyTorch step by step, going on from a saved state, errors."""

import numpy as np
import pytest

import minidl
from minidl import Tensor, nn, optim

SHAPES = [(3, 4), (5,), (2, 3, 2, 2), ()]

OPTIMIZERS = {
    "sgd": (optim.SGD, "SGD", {"lr": 0.1}),
    "sgd, weight decay": (optim.SGD, "SGD", {"lr": 0.1, "weight_decay": 0.01}),
    "momentum": (optim.SGD, "SGD", {"lr": 0.05, "momentum": 0.9}),
    "momentum, weight decay": (optim.SGD, "SGD", {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.1}),
    "nesterov": (optim.SGD, "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "adam": (optim.Adam, "Adam", {}),
    "adam, settings": (optim.Adam, "Adam", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1}),
    "lr 0": (optim.SGD, "SGD", {"lr": 0.0, "momentum": 0.9}),
}


def parameters(dtype=np.float64):
    rng = np.random.default_rng(1)
    return [nn.Parameter(np.array(rng.standard_normal(s), dtype)) for s in SHAPES]


def gradients(step, dtype=np.float64):
    rng = np.random.default_rng([2, step])
    return [np.array(rng.standard_normal(s), dtype) for s in SHAPES]


def run(optimizer, steps, dtype=np.float64):
    for step in steps:
        for parameter, gradient in zip(optimizer.parameters, gradients(step, dtype), strict=True):
            parameter.grad = gradient
        optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_against_pytorch(torch, name):
    make, reference, settings = OPTIMIZERS[name]
    ours = parameters()
    theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in ours]
    optimizer, torch_optimizer = make(ours, **settings), getattr(torch.optim, reference)(theirs, **settings)
    for step in range(20):
        if step == 10:  # as a schedule would
            optimizer.lr = torch_optimizer.param_groups[0]["lr"] = 0.01
        for p, t, g in zip(ours, theirs, gradients(step), strict=True):
            before = g.copy()
            p.grad, t.grad = g, torch.tensor(g)
            assert np.array_equal(g, before)
        run(optimizer, [step])
        torch_optimizer.step()
        for p, t in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.data, t.detach().numpy(), 1e-12, 1e-13)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradients_are_not_changed_and_arrays_stay_the_same(name):
    make, _, settings = OPTIMIZERS[name]
    ours = parameters()
    arrays, given = [p.data for p in ours], gradients(0)
    for p, g in zip(ours, given, strict=True):
        p.grad = g
    make(ours, **settings).step()
    for p, array, g, before in zip(ours, arrays, given, gradients(0), strict=True):
        assert p.data is array and p.grad is g
        np.testing.assert_array_equal(g, before)


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_float32_stays_float32(name):
    make, _, settings = OPTIMIZERS[name]
    ours = parameters(np.float32)
    optimizer = make(ours, **settings)
    run(optimizer, range(3), np.float32)
    assert {p.dtype for p in ours} == {np.dtype(np.float32)}
    assert {a.dtype for s in optimizer.state for a in s.values() if isinstance(a, np.ndarray)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_parameters_that_get_gradients_late_go_as_in_pytorch(torch, name):
    """A frozen layer that is thawed: its own steps count, not those of the others."""
    make, reference, settings = OPTIMIZERS[name]
    ours = parameters()[:2]
    theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in ours]
    optimizer, torch_optimizer = make(ours, **settings), getattr(torch.optim, reference)(theirs, **settings)
    for step in range(10):
        for i, (p, t, g) in enumerate(zip(ours, theirs, gradients(step), strict=False)):
            late = i == 1 and step < 5
            p.grad, t.grad = (None, None) if late else (g, torch.tensor(g))
        optimizer.step(), torch_optimizer.step()
        for p, t in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.data, t.detach().numpy(), 1e-12, 1e-13)


def test_frozen_parameters_stay():
    ours = parameters()
    before = ours[0].data.copy()
    ours[0].requires_grad = False
    run(optim.SGD(ours, 0.1, weight_decay=0.1), range(3))
    np.testing.assert_array_equal(ours[0].data, before)
    assert not np.array_equal(ours[1].data, parameters()[1].data)


def test_zero_grad():
    ours = parameters()
    optimizer = optim.SGD(ours, 0.1)
    run(optimizer, [0])
    optimizer.zero_grad()
    assert all(p.grad is None for p in ours)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_saved_state_goes_on_bit_for_bit(name, tmp_path):
    make, _, settings = OPTIMIZERS[name]
    straight, first = parameters(np.float32), parameters(np.float32)
    run(make(straight, **settings), range(10), np.float32)
    optimizer = make(first, **settings)
    run(optimizer, range(4), np.float32)
    state = optimizer.state_dict()
    assert all(isinstance(v, (int, float, np.ndarray)) for v in state.values())
    np.savez(tmp_path / "state.npz", **state)
    second = [nn.Parameter(p.data.copy()) for p in first]
    resumed = make(second, **settings)
    resumed.lr = 123.0
    with np.load(tmp_path / "state.npz") as saved:
        resumed.load_state_dict(dict(saved))
    assert resumed.lr == optimizer.lr
    run(resumed, range(4, 10), np.float32)
    for a, b in zip(straight, second, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_a_loaded_state_is_a_copy():
    first, second = (optim.SGD(parameters(), 0.1, momentum=0.9) for _ in range(2))
    run(first, range(2))
    second.load_state_dict(first.state_dict())
    kept = first.state_dict()["momentum_buffer.0"].copy()
    run(second, range(2))
    np.testing.assert_array_equal(first.state_dict()["momentum_buffer.0"], kept)


def test_the_state_of_another_optimizer_or_model_does_not_fit():
    adam, sgd = optim.Adam(parameters()), optim.SGD(parameters(), 0.1, momentum=0.9)
    run(adam, [0]), run(sgd, [0])
    plain = optim.SGD(parameters(), 0.1)
    for state, target in ((adam.state_dict(), sgd), (sgd.state_dict(), adam), (sgd.state_dict(), plain),
                          (sgd.state_dict(), optim.SGD(parameters()[::-1], 0.1, momentum=0.9)),
                          (sgd.state_dict(), optim.SGD(parameters()[:2], 0.1, momentum=0.9))):  # fmt: skip
        lr = target.lr
        with pytest.raises(ValueError, match="does not fit"):
            target.load_state_dict(state)
        assert target.lr == lr


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda p: optim.SGD([], 0.1), "at least one parameter"),
        (lambda p: optim.SGD([np.ones(2)], 0.1), "at least one parameter"),
        (lambda p: optim.SGD([("name", p[0])], 0.1), "at least one parameter"),
        (lambda p: optim.SGD(p, -0.1), "lr must not be negative, got -0.1"),
        (lambda p: optim.SGD(p, float("nan")), "lr must not be negative"),
        (lambda p: optim.SGD(p, 0.1, momentum=-1), "momentum must not be negative"),
        (lambda p: optim.SGD(p, 0.1, weight_decay=-1), "weight_decay must not be negative"),
        (lambda p: optim.SGD(p, 0.1, nesterov=True), "nesterov=True needs a momentum"),
        (lambda p: optim.Adam(p, betas=(0.9, 1.0)), "betas must lie between 0 and 1"),
        (lambda p: optim.Adam(p, betas=(-0.1, 0.9)), "betas"),
        (lambda p: optim.StepLR(optim.SGD(p, 0.1), 0), "step_size must be at least 1"),
        (lambda p: optim.CosineAnnealingLR(optim.SGD(p, 0.1), 0), "T_max must be at least 1"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(parameters())


def test_one_tensor_in_place_of_a_list_raises():
    """Iterating over it would give its rows, which nobody trains."""
    with pytest.raises((TypeError, ValueError), match="parameter"):
        optim.SGD(parameters()[0], 0.1)


def test_the_base_class_says_what_is_missing():
    class Lazy(optim.Optimizer):
        pass

    optimizer = Lazy(parameters(), 0.1)
    with pytest.raises(NotImplementedError, match="Lazy must define update"):
        run(optimizer, [0])
    with pytest.raises(NotImplementedError, match="must define rate"):
        optim.Schedule(optimizer)


def test_least_squares_is_solved():
    minidl.manual_seed(0)
    x, w = minidl.randn(64, 3), Tensor([[1.0, -2, 3]])
    for make, settings in ((optim.SGD, {"lr": 0.1, "momentum": 0.9}), (optim.Adam, {"lr": 0.05})):
        layer = nn.Linear(3, 1)
        optimizer = make(layer.parameters(), **settings)
        for _ in range(300):
            optimizer.zero_grad()
            ((layer(x) - x @ w.T) ** 2).mean().backward()
            optimizer.step()
        np.testing.assert_allclose(layer.weight.data, w.data, atol=1e-2)


# ---- Schedules ----

SCHEDULES = {
    "step": ("StepLR", {"step_size": 3, "gamma": 0.5}, 10),
    "every epoch": ("StepLR", {"step_size": 1, "gamma": 0.9}, 10),
    "milestones": ("MultiStepLR", {"milestones": [2, 5, 6], "gamma": 0.1}, 10),
    "milestones in disorder, one twice": ("MultiStepLR", {"milestones": [6, 2, 6], "gamma": 0.5}, 10),
    "cosine": ("CosineAnnealingLR", {"T_max": 10}, 10),
    "cosine to a floor": ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}, 7),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_against_pytorch(torch, name):
    kind, settings, epochs = SCHEDULES[name]
    optimizer = optim.SGD(parameters(), lr=0.4)
    torch_optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    schedule = getattr(optim, kind)(optimizer, **settings)
    reference = getattr(torch.optim.lr_scheduler, kind)(torch_optimizer, **settings)
    rates = []
    for _ in range(epochs + 1):
        rates.append(optimizer.lr)
        np.testing.assert_allclose(optimizer.lr, torch_optimizer.param_groups[0]["lr"], 1e-10, 1e-15)
        schedule.step()
        torch_optimizer.step()
        reference.step()
    for epoch in reversed(range(epochs + 1)):  # the rate depends on the epoch alone
        schedule.set_epoch(epoch)
        assert optimizer.lr == rates[epoch] and schedule.epoch == epoch


def test_cosine_stays_at_the_floor():
    optimizer = optim.SGD(parameters(), lr=1.0)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=3, eta_min=0.2)
    schedule.set_epoch(50)
    assert optimizer.lr == pytest.approx(0.2)


def test_an_optimizer_shows_its_settings():
    parameters = nn.Linear(3, 2).parameters()
    expected = "SGD(2 parameters, lr=0.1, weight_decay=0.0, momentum=0.9, nesterov=False)"
    assert repr(optim.SGD(parameters, lr=0.1, momentum=0.9)) == expected


# ---- Groups of parameters ----


def two_groups(p, **first):
    return [{"params": p[:1], **first}, {"params": iter(p[1:])}]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_groups_against_pytorch(torch, name):
    make, reference, settings = OPTIMIZERS[name]
    ours, own = parameters(), {"lr": 0.003, "weight_decay": 0.05}
    theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in ours]
    optimizer = make(two_groups(ours, **own), **settings)
    torch_optimizer = getattr(torch.optim, reference)(two_groups(theirs, **own), **settings)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=10, eta_min=0.001)
    torch_schedule = torch.optim.lr_scheduler.CosineAnnealingLR(torch_optimizer, T_max=10, eta_min=0.001)
    for step in range(10):
        for t, g in zip(theirs, gradients(step), strict=True):
            t.grad = torch.tensor(g)
        run(optimizer, [step])
        torch_optimizer.step(), schedule.step(), torch_schedule.step()
        for p, t in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.data, t.detach().numpy(), 1e-12, 1e-13)
        for group, torch_group in zip(optimizer.param_groups, torch_optimizer.param_groups, strict=True):
            assert group["lr"] == pytest.approx(torch_group["lr"], rel=1e-9)


def test_a_schedule_goes_to_any_epoch_with_all_groups():
    optimizer = optim.SGD(two_groups(parameters(), lr=0.4), lr=0.1)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=4)
    for epoch, rates in ((4, [0, 0]), (2, [0.2, 0.05]), (0, [0.4, 0.1])):
        schedule.set_epoch(epoch)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(rates)


def test_a_saved_state_has_the_rate_of_each_group(tmp_path):
    optimizer, other = (optim.SGD(two_groups(parameters(), lr=0.4), lr=0.1, momentum=0.9) for _ in range(2))
    optimizer.param_groups[1]["lr"] = 0.025
    run(optimizer, [0])
    np.savez(tmp_path / "state.npz", **optimizer.state_dict())
    with np.load(tmp_path / "state.npz") as saved:
        other.load_state_dict(dict(saved))
        one_group = optim.SGD(parameters(), 0.1, momentum=0.9)
        with pytest.raises(ValueError, match="a saved state with 2 groups does not fit 1"):
            one_group.load_state_dict(dict(saved))
    assert [group["lr"] for group in other.param_groups] == [0.4, 0.025] and one_group.state[0] == {}


def test_a_state_saved_as_one_number_is_read():
    optimizer = optim.SGD(parameters(), 0.1)
    optimizer.load_state_dict({"lr": 0.25})
    assert optimizer.lr == 0.25


def test_the_rate_of_several_groups():
    optimizer = optim.SGD(two_groups(parameters(), lr=0.4), lr=0.1)
    assert optimizer.lr == 0.4
    with pytest.raises(ValueError, match=r"set optimizer.param_groups\[i\]\['lr'\]"):
        optimizer.lr = 0.2
    assert repr(optimizer) == (
        "SGD(1 parameters, lr=0.4, weight_decay=0.0, momentum=0.0, nesterov=False; "
        "3 parameters, lr=0.1, weight_decay=0.0, momentum=0.0, nesterov=False)"
    )


@pytest.mark.parametrize(
    "groups, error, message",
    [
        (lambda p: [{"params": p}, {"params": p[:1]}], ValueError, "a parameter is there twice"),
        (lambda p: [*p, p[0]], ValueError, "a parameter is there twice"),
        (lambda p: [{"params": p[:1]}, p[1]], ValueError, "group 1 must be a dict with params and.*got Parameter"),
        (lambda p: [p[1], {"params": p[:1]}], ValueError, "group 0 must be a dict with params and.*got Parameter"),
        (lambda p: [{"lr": 0.1}], ValueError, "group 0 must be a dict with params and.*lr and weight_decay; got lr"),
        (lambda p: [{"params": p, "momentum": 0.5}], ValueError, "got params, momentum"),
        (lambda p: [{"params": p, "lr": -1}], ValueError, "lr must not be negative, got -1"),
        (lambda p: [{"params": p[0]}], TypeError, "got a single tensor"),
        (lambda p: [{"params": []}], ValueError, "at least one parameter"),
        (lambda p: [{"params": [("name", p[0])]}], ValueError, "at least one parameter"),
    ],
)  # fmt: skip
def test_wrong_groups(groups, error, message):
    with pytest.raises(error, match=message):
        optim.SGD(groups(parameters()), lr=0.1)
