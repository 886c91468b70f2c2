"""Bounding boxes in XML: PASCAL VOC's convention of pixels, and files that are damaged, hostile or wrong."""

import numpy as np
import pytest

from minidl import data
from minidl.data import read_voc

OBJECT = (
    "<object><name>{name}</name><pose>Left</pose><truncated>{truncated}</truncated><difficult>{difficult}</difficult>"
    "<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox></object>"
)
VALUES = {"name": "dog", "truncated": 0, "difficult": 0, "xmin": 48, "ymin": 240, "xmax": 195, "ymax": 371}
SIZE = "<size><width>353</width><height>500</height><depth>3</depth></size>"


def one(**values):
    return OBJECT.format(**{**VALUES, **values})


@pytest.fixture
def write(tmp_path):
    def write(*objects, size=SIZE, before=""):
        path = tmp_path / "000001.xml"
        content = f"{before}<annotation><filename>000001.jpg</filename>{size}{''.join(objects)}</annotation>"
        path.write_text(content, encoding="utf-8")
        return path

    return write


def test_a_file_of_pascal_voc(write):
    path = write(one(), one(name="person", truncated=1, difficult=1, xmin=8, ymin=12, xmax=352, ymax=498))
    found = read_voc(path)
    assert found.filename == "000001.jpg" and found.size == (500, 353) and found.names == ["dog", "person"]
    assert found.boxes.dtype == np.float32
    assert found.boxes.tolist() == [[47, 239, 195, 371], [7, 11, 352, 498]]
    assert found.difficult.tolist() == found.truncated.tolist() == [False, True]
    assert found.difficult.dtype == bool


def test_a_box_covers_the_pixels_that_the_file_names(write):
    """Pixels 3 to 5 of 1, 2, 3 ... across and 2 to 2 down: three pixels, painted by the loop and by the box."""
    box = read_voc(write(one(xmin=3, xmax=5, ymin=2, ymax=2))).boxes[0].astype(int)
    painted = np.zeros((500, 353), bool)
    painted[box[1] : box[3], box[0] : box[2]] = True
    assert sorted(zip(*np.nonzero(painted), strict=True)) == [(y - 1, x - 1) for y in [2] for x in [3, 4, 5]]
    assert read_voc(write(one(xmin=3, xmax=5, ymin=2, ymax=2)), origin=0).boxes.tolist() == [[3, 2, 6, 3]]


def test_an_image_without_objects(write):
    found = read_voc(write())
    assert found.boxes.shape == (0, 4) and found.names == [] and found.difficult.shape == (0,)


def test_a_file_of_imagenet(write):
    """No depth, no difficult; pixels are counted from 0 now and then, up to the width."""
    path = write(one(name="n02110341", xmin=0, ymin=0, xmax=353, ymax=500).replace("<difficult>0</difficult>", ""))
    found = read_voc(path)
    assert found.boxes.tolist() == [[0, 0, 353, 500]] and found.difficult.tolist() == [False]
    assert read_voc(path, origin=0).boxes.tolist() == [[0, 0, 353, 500]]
    assert data.imagenet_classes()[data.imagenet_wnids().index(found.names[0])] == "dalmatian"


def test_parts_of_a_person_are_not_taken_for_it(write):
    part = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
    found = read_voc(write(one(name="person").replace("<name>", f"{part}<name>", 1)))
    assert found.names == ["person"] and found.boxes.tolist() == [[47, 239, 195, 371]]


def test_fractions_of_pixels_and_space_around_numbers(write):
    found = read_voc(write(one(xmin=" 48.5\n", xmax="1.955e2"), size=SIZE.replace("353", " 353 ")))
    assert found.boxes.tolist() == [[47.5, 239, 195.5, 371]]


@pytest.mark.parametrize(
    "objects, message",
    [
        ([one(), one(xmax=40)], r"object 2: its box ends before it begins \(xyxy 47, 239, 40, 371\)"),
        ([one(ymin=373)], "object 1: its box ends before it begins"),
        ([one(xmax=355)], "object 1: its box .* lies outside the image of 353 x 500"),
        ([one(ymin=-2)], "lies outside"),
        ([one(xmin=354, xmax=354)], "lies outside"),
        ([one(xmin=1000, xmax=1001)], "lies outside"),
        ([one(xmin="left")], "<bndbox><xmin> is no number: 'left'"),
        ([one(ymax="nan")], "<bndbox><ymax> is no number"),
        ([one(ymax="1e999")], "<bndbox><ymax> is no number"),
        ([one(ymax="9" * 5000)], "<bndbox><ymax> is no number: '9{40}'"),
        ([one(xmin="")], "<bndbox><xmin> is missing or empty"),
        ([one().replace("bndbox", "box")], "<bndbox><xmin> is missing"),
        ([one(name=" ")], "<name> is missing or empty"),
        ([one(difficult="yes")], "<difficult> must be 0 or 1, got 'yes'"),
        ([one(), "<object/>"], "object 2: "),
    ],
)
def test_wrong_objects_are_named(write, objects, message):
    with pytest.raises(ValueError, match=rf"000001\.xml is no annotation that can be used: .*{message}") as error:
        read_voc(write(*objects))
    assert len(str(error.value)) < 400 and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "size, message",
    [
        ("", "<size><height> is missing"),
        (SIZE.replace("353", "0"), "the image is 500 x 0 pixels"),
        (SIZE.replace("500", "-500"), "the image is -500 x 353"),
        (SIZE.replace("500", "inf"), "<size><height> is no number: 'inf'"),
    ],
)
def test_wrong_sizes_are_named(write, size, message):
    with pytest.raises(ValueError, match=rf"000001\.xml .*{message}"):
        read_voc(write(one(), size=size))


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BILLION_LAUGHS = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]>'
STEALING = '<!DOCTYPE a [<!ENTITY passwords SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("before", [BILLION_LAUGHS, STEALING, "<!DOCTYPE annotation>"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_before_they_grow(tmp_path, before, encoding):
    path = tmp_path / "a.xml"
    name = "&l9;" if "l9" in before else "&passwords;" if "passwords" in before else "dog"
    path.write_text(f"{before}<annotation>{SIZE}{one(name=name)}</annotation>", encoding=encoding)
    with pytest.raises(ValueError, match=r"a\.xml is no annotation .* declares a document type"):
        read_voc(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"no xml", b"\x00\xff\xfe", b"<annotation>", b"<a></b>", b"<a>&unknown;</a>", "<a>ä</a>".encode("latin-1"),
     b'<?xml version="1.0" encoding="none"?><a/>', b'<?xml version="1.0" encoding="hex"?><a/>'],
)
def test_damaged_xml_is_named(tmp_path, content):
    (tmp_path / "a.xml").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.xml is no annotation that can be used: its XML is damaged"):
        read_voc(tmp_path / "a.xml")


def test_cut_short_anywhere_it_is_refused(write):
    path = write(one())
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="no annotation that can be used"):
            read_voc(path)


def test_huge_and_deep_files(tmp_path):
    path = tmp_path / "a.xml"
    path.write_bytes(b"<a>" + b" " * 10_000_000 + b"</a>")
    with pytest.raises(ValueError, match="larger than 10 MB"):
        read_voc(path)
    path.write_bytes(b"<a>" * 100_000 + b"</a>" * 100_000)
    with pytest.raises(ValueError, match="<size><height> is missing"):
        read_voc(path)


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="a.xml"):
        read_voc(tmp_path / "a.xml")


def test_real_annotations():
    """BCCD, 364 images of blood cells annotated in VOC's format: cells lie where the image is not background."""
    folder = data.data_root() / "bccd"
    if not folder.is_dir():
        pytest.skip("needs bccd in $MINIDL_DATA")
    found = {path.stem: read_voc(path) for path in sorted((folder / "Annotations").glob("*.xml"))}
    assert len(found) == 364
    names = [name for annotation in found.values() for name in annotation.names]
    assert set(names) == {"RBC", "WBC", "Platelets"} and len(names) == 4888
    for annotation in found.values():
        x1, y1, x2, y2 = annotation.boxes.T
        assert annotation.size == (480, 640)
        assert (x1 >= 0).all() and (y1 >= 0).all() and (x2 <= 640).all() and (y2 <= 480).all()
        assert ((x2 - x1) * (y2 - y1) >= 1).all()
    image = data.read_image(folder / "JPEGImages" / "BloodImage_00000.jpg")
    first = found["BloodImage_00000"]
    assert first.names[0] == "WBC" and first.boxes[0].tolist() == [259, 176, 491, 376]
    x1, y1, x2, y2 = first.boxes[0].astype(int)
    assert image[y1:y2, x1:x2, 1].mean() < image[..., 1].mean() - 10  # a white cell is stained dark
