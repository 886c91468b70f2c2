"""From the names on the command line to data sets and models."""

from pathlib import Path

import numpy as np

from minidl import data, models

# Figures read differently in a mirror; the other grey pictures gain little from it.
CROP_PADDING = {28: 2, 32: 4}


def load_data(name, shape, augment=False):
    """(training data, test data, images): of that name or in that folder, with the transforms that a network needs.

    shape (C, H, W): what photos in a folder become. images is what `to_network` takes.
    """
    train, test = open_data(name, True, shape[0]), open_data(name, False, shape[0])
    if train.classes != test.classes:
        raise ValueError(f"{name}: the classes to train on are {train.classes}, those to test on {test.classes}")
    images = describe_images(test, shape)
    test.transform = to_network(images)
    train.transform = to_network(images, augment)
    return train, test, images


def open_data(name, train, channels):
    """The training or the test part of a data set by name, or of a folder: its train, and its val or test.

    Where a folder has no such parts but the classes themselves, every fifth image of a class is for the test.
    """
    if not is_folder(name):
        if Path(name).name != name:
            raise FileNotFoundError(f"there is no folder {name}")
        return data.create(name, train=train)
    parts = [Path(name, part) for part in (["train"] if train else ["val", "test"])]
    if Path(name, "train").is_dir():
        there = [part for part in parts if part.is_dir()]
        if not there:
            raise ValueError(f"{name} has a folder train but none for the test: add {' or '.join(map(str, parts))}")
        return data.ImageFolder(there[0], channels=channels)
    dataset = data.ImageFolder(name, channels=channels)
    place_in_class = np.arange(len(dataset)) - np.searchsorted(dataset.labels, dataset.labels)
    dataset.keep(np.flatnonzero((place_in_class % 5 != 4) == train))
    if not len(dataset):
        raise ValueError(f"{name} has no class of five images, and every fifth is for the test: add images")
    return dataset


def is_folder(name):
    """Whether the data are in a folder: a name that minidl knows means the data set."""
    return name not in data.names() and Path(name).is_dir()


def describe_images(dataset, shape):
    """What a run must remember of its data to be used without it; it goes into config.json."""
    photos = isinstance(dataset, data.ImageFolder)
    if photos:
        (channels, *size), mean, std = shape, data.IMAGENET_MEAN, data.IMAGENET_STD
        if channels == 1:
            mean, std = [np.mean(mean).item()], [np.mean(std).item()]
    else:
        channels, size, mean, std = dataset.in_channels, dataset.image_size, dataset.mean, dataset.std
    return {
        "classes": list(dataset.classes),
        "channels": channels,
        "size": list(size),
        "mean": list(mean),
        "std": list(std),
    } | ({"photos": True} if photos else {})


def to_network(images, augment=False):
    """The transform from pixels to what the network takes: random crop and flip if asked for, then normalizing.

    Photos, of any size, come to the network's: by a random window if asked for, or else their middle as for ImageNet.
    """
    steps, size = [], tuple(images["size"])
    photos = images.get("photos", False)
    if augment:
        crop = data.RandomResizedCrop(size) if photos else data.RandomCrop(size, CROP_PADDING.get(size[0], 4))
        steps.append(crop)
        if images["channels"] == 3:  # a mirrored digit is another sign; a mirrored photo shows the same thing
            steps.append(data.RandomHorizontalFlip())
    elif photos:
        steps += [data.Resize(round(max(size) * 256 / 224)), data.CenterCrop(size)]
    return data.Compose([*steps, data.ToArray(), data.Normalize(images["mean"], images["std"])])


def create_model(name, images):
    """A model for images as `describe_images` describes them."""
    return models.create(name, num_classes=len(images["classes"]), input_shape=(images["channels"], *images["size"]))
