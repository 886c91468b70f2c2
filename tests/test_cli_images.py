"""What the commands make of images: the transforms before the network."""

from minidl.cli.setup import to_network


def test_augmentation_fits_the_images():
    grey = {"size": [28, 28], "channels": 1, "mean": [0.1], "std": [0.3]}
    colour = {"size": [32, 32], "channels": 3, "mean": [0.5] * 3, "std": [0.2] * 3}
    assert repr(to_network(grey, augment=True)).count("Random") == 1  # a mirrored digit is none
    assert "RandomCrop((28, 28), padding=2)" in repr(to_network(grey, augment=True))
    assert "RandomCrop((32, 32), padding=4), RandomHorizontalFlip" in repr(to_network(colour, augment=True))
    assert "Random" not in repr(to_network(colour))
