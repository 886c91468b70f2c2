"""Re-use of trained networks: other heads, frozen parts, features as arrays, a linear layer on them."""

import numpy as np
import pytest

import minidl
from minidl import Tensor, data, models, nn, optim
from minidl import functional as F
from minidl.serialization import save
from minidl.training import evaluate
from minidl.transfer import extract_features, linear_classifier

HEADS = {  # the names of the layers that give logits, auxiliary ones last
    "mlp": "layers.2", "lenet5": "fc3", "alexnet": "classifier.6", "vgg11_bn": "classifier.6", "nin": "features.26",
    "overfeat": "classifier.6", "googlenet": "fc aux1.fc2 aux2.fc2", "inception_v3": "fc AuxLogits.fc",
    "googlenet_cifar": "fc", "highway": "last", "resnet18": "fc", "resnet20": "fc", "preresnet18": "fc",
    "densenet121": "classifier", "squeezenet1_1": "classifier.1", "mobilenet_v1": "classifier",
    "mobilenet_v2": "classifier.1", "efficientnet_lite0": "_fc",
}  # fmt: skip
SMALL = {"mlp": {}, "lenet5": {}, "googlenet_cifar": {}, "highway": {}, "resnet20": {}}


@pytest.mark.parametrize("name", [name for name in HEADS if name in models.names()])
def test_every_family_gets_a_new_head(name):
    model = models.create(name, num_classes=6, **SMALL.get(name, {"width": 1 / 8}))
    before = {key: array.copy() for key, array in model.state_dict().items()}
    assert models.replace_head(model, 3) is model
    after = model.state_dict()
    assert list(after) == list(before)
    changed = {key.rpartition(".")[0] for key in before if after[key].shape != before[key].shape}
    assert changed == set(HEADS[name].split())
    for key, array in before.items():
        if key.rpartition(".")[0] not in changed:
            np.testing.assert_array_equal(after[key], array)
        else:
            assert after[key].shape == (3, *array.shape[1:])


@pytest.mark.parametrize("name", ["lenet5", "squeezenet1_0", "googlenet"])
def test_a_new_head_gives_logits_of_the_new_classes(name):
    model = models.replace_head(models.create(name, **SMALL.get(name, {"width": 1 / 8})), 4)
    x = minidl.randn(2, *models.input_shape(name))
    outputs = model.forward_with_aux(x) if name == "googlenet" else (model(x),)
    assert [y.shape for y in outputs] == [(2, 4)] * (3 if name == "googlenet" else 1)


def test_a_model_without_auxiliary_classifiers():
    model = models.create("googlenet", aux_logits=False, width=1 / 8)
    assert models.replace_head(model, 4).fc.out_features == 4


def test_a_head_without_bias_stays_so():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 5, (1, 2), stride=(1, 2), padding=(0, 1), bias=False))
    head = models.replace_head(model, 3)[1]
    assert head.bias is None and repr(head) == repr(model[1]).replace("2, 5", "2, 3")
    assert (head.stride, head.padding) == ((1, 2), (0, 1))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: models.create("alphago", width=1 / 32), "AlphaGoPolicy has no head.*got PositionBias position"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), "Sequential has no head.*got BatchNorm1d 1"),
        (lambda: nn.Linear(3, 2), "Linear has no head.*got Linear"),
        (nn.ReLU, "ReLU has no head.*got ReLU"),
    ],
)
def test_a_model_without_a_head(make, message):
    with pytest.raises(ValueError, match=message):
        models.replace_head(make(), 5)


@pytest.mark.parametrize("classes", [0, -1, 2.0, True, None])
def test_a_head_for_no_number_of_classes(classes):
    with pytest.raises(ValueError, match="replace_head: num_classes must be a whole number from 1 on"):
        models.replace_head(models.create("lenet5"), classes)


def test_weights_for_other_classes_are_loaded_first(tmp_path):
    save(models.create("lenet5"), tmp_path / "ten.npz")
    model = models.replace_head(models.create("lenet5", weights=tmp_path / "ten.npz"), 3)
    assert model(minidl.zeros(1, 1, 28, 28)).shape == (1, 3)


# ---- Freezing ----


def test_a_frozen_part_gets_no_gradient_and_no_backward_pass(monkeypatch):
    model = models.create("lenet5")
    for layer in (model.conv1, model.conv2):
        layer.requires_grad_(False)
    calls = []
    backward = minidl.ops.Conv2d.backward
    monkeypatch.setattr(minidl.ops.Conv2d, "backward", lambda op, gy: calls.append(op) or backward(op, gy))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    before = {name: p.data.copy() for name, p in model.named_parameters()}
    x = minidl.randn(4, 1, 28, 28)
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(model(x), [1, 2, 3, 4]).backward()
        optimizer.step()
    assert not calls
    for name, parameter in model.named_parameters():
        frozen = name.startswith("conv")
        assert (parameter.grad is None) == frozen
        assert np.array_equal(parameter.data, before[name]) == frozen
    model.conv2.requires_grad_()
    F.cross_entropy(model(x), [1, 2, 3, 4]).backward()
    assert len(calls) == 1 and model.conv1.weight.grad is None and model.conv2.weight.grad is not None


class Frozen(nn.Module):
    """As docs/transfer.md shows it: in use, whatever the mode of what is around."""

    def __init__(self, features):
        super().__init__()
        self.features = features.requires_grad_(False)

    def forward(self, x):
        return self.features(x)

    def train(self, mode=True):
        super().train(mode)
        self.features.eval()
        return self


def test_statistics_stay_where_train_says_so():
    norm = nn.BatchNorm2d(1)
    model = nn.Sequential(Frozen(norm), nn.Flatten(), nn.Linear(4, 2)).train()
    assert model.training and model[2].training and not norm.training
    x = minidl.randn(8, 1, 2, 2) + 5
    model(x)
    assert norm.running_mean == 0
    norm.train()
    model(x)
    assert norm.running_mean > 0.3  # frozen as a parameter, and yet it follows the batch


# ---- Features as arrays ----


def loader(count=70, batch_size=32):
    clothes = data.FashionMini(transform=data.Compose([data.ToArray()]))
    return data.DataLoader(data.Subset(clothes, range(count)), batch_size=batch_size)


def test_features_are_what_goes_into_the_head():
    model = models.create("lenet5").train()
    features, labels = extract_features(model, loader())
    assert features.shape == (70, 84) and features.dtype == np.float32 and type(features) is np.ndarray
    np.testing.assert_array_equal(labels, data.FashionMini().labels[:70])
    images = Tensor(data.FashionMini().images[:70, None] / np.float32(255))
    np.testing.assert_allclose(model.fc3(Tensor(features)).data, model(images).data, 1e-4, 1e-5)
    assert model.training and not model.fc3._hooks


def test_features_of_a_layer_by_name():
    model = models.create("lenet5")
    features, _ = extract_features(model, loader(), layer="conv2")
    assert features.shape == (70, 16, 10, 10)
    whole, _ = extract_features(model, loader(batch_size=70), layer="")
    assert whole.shape == (70, 10)


def test_batches_may_be_plain_arrays():
    model, x, y = models.create("lenet5"), minidl.randn(3, 1, 28, 28), np.array([2, 0, 1])
    features, labels = extract_features(model, [(x.data, y)])
    np.testing.assert_array_equal(features, extract_features(model, [(x, Tensor(y))])[0])
    np.testing.assert_array_equal(labels, y)


def test_features_are_taken_in_evaluation_mode():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(784, 2))
    first, second = (extract_features(model, loader())[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_errors_of_features():
    model = models.create("lenet5")
    with pytest.raises(ValueError, match="LeNet5 has no layer 'fc4'; it has conv1, conv2, fc1, fc2, fc3"):
        extract_features(model, loader(), layer="fc4")
    with pytest.raises(ValueError, match="no batch"):
        extract_features(model, [])
    googlenet = models.create("googlenet", width=1 / 8)
    batch = [(minidl.zeros(1, 3, 64, 64), Tensor([0]))]
    with pytest.raises(ValueError, match="GoogLeNet does not call aux1.fc1 in evaluation mode"):
        extract_features(googlenet, batch, layer="aux1.fc1")
    assert not googlenet.aux1.fc1._hooks


# ---- A linear classifier ----


def blobs(count, dimensions, seed=0):
    """Three clouds far apart, in features of very different sizes; one feature is the same everywhere."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=count)
    x = rng.standard_normal((count, dimensions)) + 4 * np.eye(3, dimensions)[labels]
    x *= 10.0 ** np.arange(dimensions).clip(max=4)
    x[:, -1] = 7
    return x.astype(np.float32), labels


@pytest.mark.parametrize("count, dimensions", [(300, 5), (60, 100), (3000, 10)])
def test_a_linear_classifier_tells_clouds_apart(count, dimensions):
    x, labels = blobs(count, dimensions)
    layer = linear_classifier(x, labels)
    assert layer.weight.shape == (3, dimensions)
    test_x, test_labels = blobs(500, dimensions, seed=1)
    test = [(Tensor(test_x), Tensor(test_labels))]
    assert evaluate(layer, [(Tensor(x), Tensor(labels))])[1] > 0.95
    assert evaluate(layer, test)[1] > (0.9 if dimensions < 100 else 0.8)


def test_it_is_the_optimum_of_logistic_regression(torch):
    """Without weight decay and with all samples in a batch: the loss of PyTorch's L-BFGS on the same task."""
    rng = np.random.default_rng(0)
    x, labels = (rng.standard_normal((200, 4)) + [0, 1, 2, 3]).astype(np.float32), rng.integers(3, size=200)
    layer = linear_classifier(x, labels, weight_decay=0)
    theirs = torch.nn.Linear(4, 3)
    optimizer = torch.optim.LBFGS(theirs.parameters(), max_iter=200)

    def loss():
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(labels))
        value.backward()
        return value

    optimizer.step(loss)
    assert evaluate(layer, [(Tensor(x), Tensor(labels))])[0] == pytest.approx(loss().item(), abs=1e-4)


def test_maps_are_flattened_and_classes_may_be_missing():
    x, labels = blobs(60, 8)
    layer = linear_classifier(x.reshape(60, 2, 2, 2), labels, num_classes=5, steps=20)
    assert layer.weight.shape == (5, 8)


def test_errors_of_the_linear_classifier():
    with pytest.raises(ValueError, match="some features are NaN or infinite"):
        linear_classifier(np.array([[0.0, np.inf], [1.0, 2.0]]), np.array([0, 1]))
    for x, labels in ((np.zeros((3, 2)), np.zeros(2, int)), (np.zeros((0, 2)), np.zeros(0, int))):
        with pytest.raises(ValueError, match="expected features"):
            linear_classifier(x, labels)
