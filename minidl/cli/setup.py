"""From the names on the command line to data sets and models."""

from minidl import data, models

# Figures read differently in a mirror; the other grey pictures gain little from it.
CROP_PADDING = {28: 2, 32: 4}


def load_data(name, augment=False):
    """The training and the test data of that name, with the transforms that a network needs."""
    train, test = data.create(name, train=True), data.create(name, train=False)
    images = describe_images(test)
    test.transform = to_network(images)
    train.transform = to_network(images, augment)
    return train, test


def describe_images(dataset):
    """What a run must remember of its data to be used without it; it goes into config.json."""
    return {
        "classes": list(dataset.classes),
        "channels": dataset.in_channels,
        "size": list(dataset.image_size),
        "mean": list(dataset.mean),
        "std": list(dataset.std),
    }


def to_network(images, augment=False):
    """The transform from pixels to what the network takes: random crop and flip if asked for, then normalizing."""
    steps = []
    if augment:
        steps.append(data.RandomCrop(tuple(images["size"]), CROP_PADDING.get(images["size"][0], 4)))
        if images["channels"] == 3:  # a mirrored digit is another sign; a mirrored photo shows the same thing
            steps.append(data.RandomHorizontalFlip())
    return data.Compose([*steps, data.ToArray(), data.Normalize(images["mean"], images["std"])])


def create_model(name, images):
    """A model for images as `describe_images` describes them."""
    return models.create(name, num_classes=len(images["classes"]), input_shape=(images["channels"], *images["size"]))
