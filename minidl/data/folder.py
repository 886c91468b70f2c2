"""Images in a folder for each class, as ImageNet's training images lie, decoded when they are asked for."""

import operator
import os
import warnings
from pathlib import Path

import numpy as np

from .dataset import Dataset
from .imagenet import imagenet_classes, imagenet_wnids
from .images import read_image

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pnm"}


class ImageFolder(Dataset):
    """The images of `root`, which holds a folder for each class: (pixels uint8 (H, W, 3), label) until transformed.

    Classes are the folders, sorted by name, and a class's images all that lie below its folder, sorted too. Hidden
    files, and those whose name does not end like an image's (.jpg, .png ...), are passed over; links are followed.
    `folders` are the folders' names, `classes` what they show: the same, but for ImageNet's n01440764 "tench".
    `paths` and `labels` list the images; class_to_index["n01440764"] is the label of a folder.

    transform: applied to one image when it is asked for. channels: 3, or 1 for grey (H, W).
    damaged: a file that cannot be read raises a ValueError with its path when its turn comes ("raise"); or all are
    read once now, and the damaged left out with a warning that names them ("skip").
    """

    def __init__(self, root, transform=None, channels=3, damaged="raise"):
        if damaged not in ("raise", "skip"):
            raise ValueError(f"ImageFolder: damaged must be 'raise' or 'skip', got {damaged!r}")
        self.root, self.transform, self.channels = Path(root).expanduser(), transform, channels
        self.name = self.root.name
        self.folders = class_folders(self.root)
        self.class_to_index = {folder: label for label, folder in enumerate(self.folders)}
        self.classes = _readable(self.folders)
        self.paths, labels = [], []
        for label, folder in enumerate(self.folders):
            paths = list(image_files(self.root / folder))
            if not paths:
                raise ValueError(f"{self.root / folder} is a class without images: fill it, or take the folder away")
            self.paths += paths
            labels += [label] * len(paths)
        self.labels = np.array(labels, np.int64)
        if damaged == "skip":
            self._leave_out_damaged()

    @property
    def random(self):
        return getattr(self.transform, "random", False)

    def __len__(self):
        return len(self.paths)

    def __repr__(self):
        return f"ImageFolder({str(self.root)!r}): {len(self)} images, {len(self.classes)} classes"

    def sample(self, index, rng=None):
        index = operator.index(index)
        image, label = read_image(self.paths[index], self.channels), int(self.labels[index])
        if self.transform is None:
            return image, label
        try:
            return (self.transform(image, rng) if self.random else self.transform(image)), label
        except Exception as error:
            error.add_note(f"the image is {self.paths[index]}")
            raise

    def keep(self, indices):
        """Keep the images of these numbers, in this order; the classes stay."""
        self.paths, self.labels = [self.paths[i] for i in indices], self.labels[indices]

    def _leave_out_damaged(self):
        whole = []
        for index, path in enumerate(self.paths):
            try:
                read_image(path, self.channels)
                whole.append(index)
            except (ValueError, OSError) as error:  # OSError: a link that leads nowhere
                warnings.warn(f"left out: {error}", stacklevel=3)
        self.keep(whole)


def class_folders(root):
    """The names of the folders in `root` that are not hidden, sorted; a ValueError where there are none."""
    names = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    if not names:
        raise ValueError(f"{root} holds no folders; expected one folder a class with its images, such as {root}/cat")
    return names


def image_files(folder, above=()):
    """The paths of the image files in a folder and those below it, as text, in the order of their names."""
    above = (*above, os.path.realpath(folder))
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if os.path.realpath(entry.path) not in above:  # a link back up would lead round for ever
                yield from image_files(entry.path, above)
        elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
            yield entry.path


def _readable(folders):
    names = dict(zip(imagenet_wnids(), imagenet_classes(), strict=True))
    return [names[folder] for folder in folders] if names.keys() >= set(folders) else list(folders)
