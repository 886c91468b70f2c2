"""Module: registration, state, modes, hooks. Containers and layers are in test_nn_layers.py."""

import copy
import pickle
import threading

import numpy as np
import pytest

import minidl
from minidl import functional as F
from minidl import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.scale = nn.Parameter(np.ones(4, np.float32))

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(Block(), nn.MaxPool2d(2))
        self.heads = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 3, bias=False)])
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        return self.heads[0](self.norm(self.features(x).mean((2, 3))))


def torch_net(torch):
    """The same registrations in PyTorch."""
    tnn = torch.nn

    class TorchBlock(tnn.Module):
        def __init__(self):
            super().__init__()
            self.conv = tnn.Conv2d(3, 4, 3, padding=1)
            self.norm = tnn.BatchNorm2d(4)
            self.scale = tnn.Parameter(torch.ones(4))

    class TorchNet(tnn.Module):
        def __init__(self):
            super().__init__()
            self.features = tnn.Sequential(TorchBlock(), tnn.MaxPool2d(2))
            self.heads = tnn.ModuleList([tnn.Linear(4, 2), tnn.Linear(4, 3, bias=False)])
            self.norm = tnn.BatchNorm1d(4)

    return TorchNet()


def names(model):
    return [name for name, _ in model.named_parameters()]


def shapes(state):
    return {name: tuple(value.shape) for name, value in state.items()}


# ---- Registration and names ----


def test_names_and_order_are_those_of_pytorch(torch):
    ours, theirs = Net(), torch_net(torch)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert shapes(ours.state_dict()) == shapes(theirs.state_dict())
    assert names(ours) == [name for name, _ in theirs.named_parameters()]
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert [n for n, _ in ours.named_children()] == [n for n, _ in theirs.named_children()]


def test_the_names_stay_after_a_training_step(torch):
    ours = Net()
    before = list(ours.state_dict())
    for _ in range(3):
        ours(minidl.randn(4, 3, 8, 8)).sum().backward()
    assert list(ours.state_dict()) == before
    assert ours.state_dict()["norm.num_batches_tracked"] == 3
    Net().load_state_dict(ours.state_dict())


def test_reassigning_keeps_one_entry_in_its_place_as_pytorch_does(torch):
    ours, theirs = Net(), torch_net(torch)
    ours.features, theirs.features = nn.Sequential(nn.Linear(2, 2)), torch.nn.Sequential(torch.nn.Linear(2, 2))
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_reassigning_a_parameter_keeps_the_order(torch):
    ours, theirs = nn.Linear(2, 3), torch.nn.Linear(2, 3)
    ours.weight, theirs.weight = nn.Parameter(np.zeros((3, 2), np.float32)), torch.nn.Parameter(torch.zeros(3, 2))
    assert names(ours) == [name for name, _ in theirs.named_parameters()]


def test_reassigning_something_else_unregisters():
    layer = nn.Linear(2, 3)
    layer.bias = None
    assert names(layer) == ["weight"] and layer.bias is None
    layer.bias = nn.Parameter(np.zeros(3, np.float32))
    assert sorted(names(layer)) == ["bias", "weight"]
    net = Net()
    net.norm = nn.Parameter(np.zeros(2, np.float32))
    assert "norm" in names(net) and "norm.weight" not in names(net)
    net.norm = "gone"
    assert net.norm == "gone" and not any(n.startswith("norm") for n in net.state_dict())


def test_a_buffer_stays_a_buffer_when_it_is_assigned():
    layer = nn.BatchNorm1d(2)
    layer.running_mean = np.full(2, 5, np.float32)
    np.testing.assert_array_equal(layer.state_dict()["running_mean"], [5, 5])
    layer.eval()
    np.testing.assert_allclose(layer(minidl.zeros(1, 2)).data, [[-5, -5]], 1e-4)


def test_deleting():
    net = Net()
    del net.heads
    del net.norm.bias
    assert names(net) == [
        "features.0.scale", "features.0.conv.weight", "features.0.conv.bias", "features.0.norm.weight",
        "features.0.norm.bias", "norm.weight",
    ]  # fmt: skip
    for owner, name in ((net, "heads"), (net.norm, "bias"), (net, "never")):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            delattr(owner, name)
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(owner, name)


@pytest.mark.parametrize("make", [list, tuple])
def test_a_plain_list_of_modules_raises(make):
    module = nn.Module()
    with pytest.raises(TypeError, match="nn.ModuleList or nn.Sequential"):
        module.layers = make([nn.Linear(2, 2), None])
    module.sizes = make([1, 2])
    module.nothing = make([])


def test_forgetting_super_init_says_so():
    class Forgetful(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

    with pytest.raises(AttributeError, match=r"Forgetful.__init__ must call super\(\).__init__\(\)"):
        Forgetful()


def test_shared_parameters_and_modules_come_once():
    net = nn.Module()
    net.first, net.second = nn.Linear(3, 3), nn.Linear(3, 3)
    net.second.weight = net.first.weight
    net.again = net.first
    assert sorted(names(net)) == ["first.bias", "first.weight", "second.bias"]
    assert len(list(net.modules())) == 3
    x = minidl.randn(2, 3)
    (net.first(x) + net.second(x)).sum().backward()
    np.testing.assert_allclose(net.first.weight.grad, 2 * np.tile(x.data.sum(axis=0), (3, 1)), 1e-5)


def test_a_shared_module_is_saved_under_both_names_as_in_pytorch(torch):
    ours, theirs = nn.Module(), torch.nn.Module()
    ours.a, theirs.a = nn.Linear(2, 2), torch.nn.Linear(2, 2)
    ours.b, theirs.b = ours.a, theirs.a
    assert list(ours.state_dict()) == list(theirs.state_dict())


# ---- State ----


def test_state_dict_gives_the_arrays_themselves():
    net = Net()
    state = net.state_dict()
    assert state["norm.weight"] is net.norm.weight.data and state["norm.running_var"] is net.norm.running_var
    state["norm.weight"][...] = 7
    assert np.all(net.norm.weight.data == 7)


def test_load_state_dict_copies():
    source, target = Net(), Net()
    source(minidl.randn(4, 3, 8, 8))
    target.load_state_dict(source.state_dict())
    for name, array in target.state_dict().items():
        np.testing.assert_array_equal(array, source.state_dict()[name])
        assert not np.shares_memory(array, source.state_dict()[name])
    target.load_state_dict(target.state_dict())


def test_loading_what_does_not_fit_lists_everything_and_changes_nothing():
    net = Net()
    before = {name: array.copy() for name, array in net.state_dict().items()}
    state = {name: array + 1 for name, array in before.items()}
    del state["heads.0.bias"], state["norm.running_mean"]
    state["extra"] = np.ones(2)
    state["heads.1.weight"] = np.ones((5, 4))
    with pytest.raises(ValueError, match="the weights do not fit Net") as error:
        net.load_state_dict(state)
    for line in ("missing: heads.0.bias (2,)", "missing: norm.running_mean (4,)", "unexpected: extra",
                 "shape of heads.1.weight: (5, 4), but the model has (3, 4)"):  # fmt: skip
        assert line in str(error.value)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_loading_keeps_the_types():
    net = Net()
    net.load_state_dict({name: array.astype(np.float64) for name, array in net.state_dict().items()})
    assert {a.dtype for a in net.state_dict().values()} == {np.dtype(np.float32), np.dtype(np.int64)}


def test_models_can_be_loaded_in_several_threads_at_once():
    nets, errors, state = [Net() for _ in range(4)], [], Net().state_dict()

    def load(net):
        try:
            for _ in range(200):
                net.load_state_dict(state)
        except Exception as error:  # noqa: BLE001 - to be shown by the main thread
            errors.append(error)

    threads = [threading.Thread(target=load, args=(net,)) for net in nets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not errors


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_are_equal_and_apart(clone):
    net = Net().eval()
    other = clone(net)
    x = minidl.randn(2, 3, 8, 8)
    np.testing.assert_array_equal(net(x).data, other(x).data)
    other.norm.weight.data += 1
    assert np.all(net.norm.weight.data == 1)
    assert names(other) == names(net) and not any(m.training for m in other.modules())


def test_zero_grad_and_freezing():
    net = Net()
    net(minidl.randn(4, 3, 8, 8)).sum().backward()
    assert net.heads[0].weight.grad is not None and net.heads[1].weight.grad is None
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.features.requires_grad_(False)
    net(minidl.randn(4, 3, 8, 8)).sum().backward()
    assert net.features[0].conv.weight.grad is None and net.heads[0].weight.grad is not None


# ---- Modes, hooks, walking ----


def test_train_and_eval_reach_every_module():
    net = Net()
    assert all(m.training for m in net.modules())
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())
    net.features.eval()
    assert net.training and not net.features[0].norm.training


def test_modes_change_what_dropout_and_batch_norm_do():
    minidl.manual_seed(0)
    x = minidl.randn(64, 8)
    drop, norm = nn.Dropout(0.5), nn.BatchNorm1d(8)
    assert np.any(drop(x).data == 0)
    np.testing.assert_allclose(norm(x).data.mean(axis=0), 0, atol=1e-5)
    running = norm.running_mean.copy()
    assert np.any(running != 0)
    drop.eval(), norm.eval()
    assert drop(x) is x
    np.testing.assert_allclose(norm(x).data, (x.data - running) / np.sqrt(norm.running_var + 1e-5), 1e-4, 1e-5)
    np.testing.assert_array_equal(norm.running_mean, running)


def test_running_statistics_over_several_batches(torch):
    ours, theirs = nn.BatchNorm2d(3, momentum=0.2), torch.nn.BatchNorm2d(3, momentum=0.2)
    for _ in range(3):
        x = minidl.randn(4, 3, 5, 5)
        ours(x * 3 + 1)
        theirs(torch.tensor(x.data * 3 + 1))
    for name, array in ours.state_dict().items():
        np.testing.assert_allclose(array, theirs.state_dict()[name].numpy(), 1e-5, 1e-6)


def test_hooks_see_inputs_and_outputs_until_they_are_removed():
    layer, seen = nn.Linear(2, 3), []
    first = layer.register_forward_hook(lambda *call: seen.append(call))
    second = layer.register_forward_hook(lambda *_: seen.append("second"))
    x = minidl.randn(1, 2)
    y = layer(x)
    assert seen == [(layer, (x,), y), "second"]
    first.remove()
    first.remove()
    layer(x)
    assert seen[2:] == ["second"]
    second.remove()
    layer(x)
    assert len(seen) == 3


def test_a_hook_may_remove_itself():
    layer, seen = nn.Identity(), []
    handles = [layer.register_forward_hook(lambda *_, i=i: (seen.append(i), handles[i].remove())) for i in range(3)]
    layer(1), layer(2)
    assert seen == [0, 1, 2]


def test_apply_visits_children_first():
    net, seen = Net(), []
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Conv2d", "BatchNorm2d", "Block", "MaxPool2d", "Sequential", "Linear", "Linear", "ModuleList",
                    "BatchNorm1d", "Net"]  # fmt: skip


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Module must define forward"):
        nn.Module()(1)
