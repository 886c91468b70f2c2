"""Boxes around the objects of an image, from the XML files of PASCAL VOC and of ImageNet."""

import math
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

LARGEST = 10_000_000  # bytes; that of an image with a hundred objects has 30,000


class Annotation(NamedTuple):
    """The objects of one image, in the order of the file.

    filename: as the file says it, or None. size: (height, width) of the image. boxes: float32 (N, 4), xyxy in pixels.
    names: N classes, in ImageNet's files wnids. difficult, truncated: bool (N,).
    """

    filename: str
    size: tuple
    boxes: np.ndarray
    names: list
    difficult: np.ndarray
    truncated: np.ndarray


def read_voc(path, origin=1):
    """The Annotation in an XML file of PASCAL VOC's format, in which ImageNet's bounding boxes come too.

    A file numbers pixels from `origin`, VOC's from 1, and names the first and the last pixel in the box. Here a box is
    (x1, y1, x2, y2) with 0 at the image's left and upper edge: (xmin - origin, ymin - origin, xmax - origin + 1,
    ymax - origin + 1), so its area is (x2 - x1) * (y2 - y1) pixels. Many programs, and ImageNet's files, are less
    strict about the first pixel: what then stands out of the image by up to one pixel is cut off.

    Raises a ValueError that names the file and the object where something is missing, is no number, or lies outside
    the image, and where the XML is damaged, declares entities, or is larger than 10 MB.
    """
    try:
        root = _parse(Path(path))
        height, width = (_number(root, f"size/{side}") for side in ("height", "width"))
        if height < 1 or width < 1:
            raise ValueError(f"the image is {height:g} x {width:g} pixels in size")
        found = []
        for number, element in enumerate(root.findall("object"), 1):
            try:
                found.append(_object(element, origin, height, width))
            except ValueError as error:
                raise ValueError(f"object {number}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path} is no annotation that can be used: {error}") from None
    boxes, names, difficult, truncated = zip(*found, strict=True) if found else ((), (), (), ())
    return Annotation(
        root.findtext("filename"), (int(height), int(width)), np.array(boxes, np.float32).reshape(-1, 4),
        list(names), np.array(difficult, bool), np.array(truncated, bool),
    )  # fmt: skip


def _parse(path):
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 1_000_000} MB")
    try:
        return ElementTree.fromstring(path.read_bytes(), ElementTree.XMLParser(target=_WithoutDoctype()))
    except (ElementTree.ParseError, LookupError) as error:  # the second for an encoding that is none
        raise ValueError(f"its XML is damaged ({error})") from None


class _WithoutDoctype(ElementTree.TreeBuilder):
    """Refuses a document type: entities are declared there, and a few lines of them stand for gigabytes of text."""

    def doctype(self, name, public_id, system_id):
        raise ValueError("it declares a document type, which these files have no use for")


def _object(element, origin, height, width):
    """(box, name, difficult, truncated) of one object."""
    x1, y1, x2, y2 = (_number(element, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax"))
    x1, y1, x2, y2 = box = x1 - origin, y1 - origin, x2 - origin + 1, y2 - origin + 1
    if x1 >= x2 or y1 >= y2:
        raise ValueError(f"its box ends before it begins (xyxy {_shown(box)})")
    if min(x1, y1) < -1 or x2 > width + 1 or y2 > height + 1:
        raise ValueError(f"its box (xyxy {_shown(box)}) lies outside the image of {width:g} x {height:g} pixels")
    box = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if box[0] >= box[2] or box[1] >= box[3]:
        raise ValueError(f"its box (xyxy {_shown(box)}) lies outside the image of {width:g} x {height:g} pixels")
    return box, _text(element, "name"), _flag(element, "difficult"), _flag(element, "truncated")


def _text(element, field):
    text = (element.findtext(field) or "").strip()
    if not text:
        raise ValueError(f"<{field.replace('/', '><')}> is missing or empty")
    return text


def _number(element, field):
    text = _text(element, field)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"<{field.replace('/', '><')}> is no number: {text[:40]!r}")
    return number


def _flag(element, field):
    text = (element.findtext(field) or "0").strip()
    if text not in ("0", "1"):
        raise ValueError(f"<{field}> must be 0 or 1, got {text[:40]!r}")
    return text == "1"


def _shown(box):
    return ", ".join(f"{value:g}" for value in box)
