"""Pictures as other programs write them come in sample by sample, or are refused in words."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import SimpleITK
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from inklings.errors import InklingsError, ReaderError, SpecError
from inklings.readers import open_image
from inklings.readers.image import Image
from inklings.readers.pyramid import Pyramid
from inklings.readers.volume import Volume

SHARED = Path(__file__).parents[2] / ".." / "shared" / "cases"
RNG = np.random.default_rng(0)


def samples(dtype: str, shape: tuple[int, ...] = (37, 53)) -> NDArray[Any]:
    """Numbers that use the whole of their type."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return RNG.random(shape) > 0.7
    if kind.kind == "f":
        return (RNG.normal(size=shape) * 1e3).astype(kind)
    span = np.iinfo(kind)
    return RNG.integers(span.min, span.max, shape, dtype=kind, endpoint=True)


def read(path: Path, choice: str | None = None) -> tuple[Image, NDArray[Any]]:
    with open_image(path, choice=choice) as image:
        return image, image.read(image.geometry.full)


def refusal(path: Path, choice: str | None = None) -> str:
    with pytest.raises(InklingsError) as caught:
        read(path, choice)
    text = str(caught.value)
    assert "\n" not in text
    assert "unexpected" not in text
    return text


CUTS = {"strips": {"rowsperstrip": 8}, "tiles": {"tile": (16, 32)}, "one": {}}
TYPES = [
    "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32",
    "float64",
]  # fmt: skip


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("dtype", TYPES)
def test_grey_of_any_type_order_and_cut_keeps_its_samples(
    tmp_path: Path, dtype: str, cut: str
) -> None:
    array = samples(dtype)
    for order in "<>":
        for big in (False, True):
            for squeeze in ({}, {"compression": "deflate", "predictor": True}):
                path = tmp_path / f"{order == '<'}{big}{len(squeeze)}.tif"
                if squeeze and (dtype == "float16" or np.dtype(dtype).itemsize == 8):
                    squeeze = {"compression": "lzw"}
                tifffile.imwrite(path, array, byteorder=order, bigtiff=big,
                                 photometric="minisblack", **CUTS[cut], **squeeze)  # fmt: skip
                image, found = read(path)
                assert image.channels == ("grey",)
                assert found.dtype == array.dtype
                np.testing.assert_array_equal(found[0], array)


@pytest.mark.parametrize("compression", ["lzw", "packbits", "zstd", "lzma", "deflate", "lerc"])
@pytest.mark.parametrize("cut", CUTS)
def test_compressions_without_loss_keep_samples(tmp_path: Path, compression: str, cut: str) -> None:
    array = samples("uint16")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, compression=compression, photometric="minisblack", **CUTS[cut])
    np.testing.assert_array_equal(read(path)[1][0], array)


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 10, 12, 14])
def test_packed_bits_are_the_numbers(tmp_path: Path, bits: int) -> None:
    array = RNG.integers(0, 2**bits, (24, 40)).astype(np.uint8 if bits <= 8 else np.uint16)
    path = tmp_path / "a.tif"
    kwargs = {} if bits == 1 else {"bitspersample": bits}
    tifffile.imwrite(path, array.astype(bool) if bits == 1 else array, photometric="minisblack",
                     **kwargs)  # fmt: skip
    found = read(path)[1][0]
    np.testing.assert_array_equal(found, array * 255 if bits == 1 else array)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("cut", CUTS)
def test_colours_keep_their_bits(tmp_path: Path, dtype: str, planar: str, cut: str) -> None:
    array = samples(dtype, (3, 37, 53))
    path = tmp_path / "a.tif"
    stored = array if planar == "separate" else np.moveaxis(array, 0, -1)
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, **CUTS[cut])
    image, found = read(path)
    assert image.channels == ("R", "G", "B")
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("colours", [1, 2, 3, 4])
def test_png_keeps_8_and_16_bits(tmp_path: Path, dtype: str, colours: int) -> None:
    array = samples(dtype, (17, 23, colours))
    if colours in (2, 4):
        array[..., -1] = np.iinfo(dtype).max
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(array[..., 0] if colours == 1 else array))
    image, found = read(path)
    wanted = np.moveaxis(array, -1, 0)[: 1 if colours < 3 else 3]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, wanted)
    assert image.notes == ()
    if colours in (1, 3):
        theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
        np.testing.assert_array_equal(np.atleast_3d(theirs), array)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(("dtype", "top"), [("uint8", 255), ("uint16", 65535)])
def test_white_as_zero_is_turned_and_told(tmp_path: Path, dtype: str, top: int, cut: str) -> None:
    array = samples(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="miniswhite", **CUTS[cut])
    image, found = read(path)
    np.testing.assert_array_equal(found[0], top - array)
    assert [note.kind for note in image.notes] == ["white is zero"]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("deep", [False, True])
def test_a_palette_becomes_its_colours(tmp_path: Path, cut: str, deep: bool) -> None:
    array = samples("uint8")
    table = RNG.integers(0, 256, (3, 256)).astype(np.uint16)
    table = RNG.integers(0, 65536, (3, 256)).astype(np.uint16) if deep else table * 257
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="palette", colormap=table, **CUTS[cut])
    image, found = read(path)
    assert image.channels == ("R", "G", "B")
    wanted = table[:, array] if deep else (table >> 8).astype(np.uint8)[:, array]
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)
    if not deep:
        theirs = np.asarray(Pillow.open(path).convert("RGB")) if cut == "one" else None
        assert theirs is None or (np.moveaxis(theirs, -1, 0) == found).all()


def test_ycbcr_in_jpeg_and_without_is_colour(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :64]
    rgb = np.stack([4 * y, 4 * x, 128 + 0 * x], -1).astype(np.uint8)
    jpeg, plain = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(jpeg, rgb, photometric="rgb", compression="jpeg", tile=(32, 32))
    ycbcr = np.asarray(Pillow.fromarray(rgb).convert("YCbCr"))
    for cut in ({"tile": (32, 32)}, {}):
        tifffile.imwrite(plain, ycbcr, photometric="ycbcr", **cut)
        for path, off in ((jpeg, 12), (plain, 3)):
            image, found = read(path)
            assert image.channels == ("R", "G", "B")
            assert np.abs(np.moveaxis(found, 0, -1).astype(int) - rgb).max() <= off


@pytest.mark.parametrize("cut", ["tiles", "one"])
@pytest.mark.parametrize(
    ("photometric", "count", "word"),
    [("cielab", 3, "CIELab"), ("icclab", 3, "ICCLab"), ("separated", 4, "CMYK"), ("cfa", 1, "raw")],
)
def test_other_colours_are_refused_in_words(
    tmp_path: Path, photometric: str, count: int, word: str, cut: str
) -> None:
    array = samples("uint8", (32, 32, count))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array[..., 0] if count == 1 else array, photometric=photometric,
                     planarconfig=None if count == 1 else "contig", **CUTS[cut])  # fmt: skip
    assert word in refusal(path)


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", samples("float32").astype(np.complex64))
    assert "whole or real numbers" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize("photometric", ["minisblack", "separated"])
@pytest.mark.parametrize("cut", CUTS)
def test_five_channels_are_five(tmp_path: Path, photometric: str, cut: str) -> None:
    array = samples("uint16", (40, 48, 5))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric=photometric, planarconfig="contig", **CUTS[cut])
    image, found = read(path)
    assert image.channels == ("0", "1", "2", "3", "4")
    np.testing.assert_array_equal(found, np.moveaxis(array, -1, 0))


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("order", "<>")
def test_channels_of_imagej_have_their_labels(tmp_path: Path, cut: str, order: str) -> None:
    if cut == "tiles":
        pytest.skip("ImageJ writes no tiles")
    array = samples("uint16", (3, 30, 40))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, imagej=True, byteorder=order,
                     metadata={"axes": "CYX", "Labels": ["BF", "DAPI", "GFP, 488"]})  # fmt: skip
    image, found = read(path)
    assert image.channels == ("BF", "DAPI", "GFP 488")
    np.testing.assert_array_equal(found, array)
    image, found = read(path, "channel=GFP 488,bf")
    assert image.channels == ("GFP 488", "BF")
    np.testing.assert_array_equal(found, array[[2, 0]])
    assert "BF, DAPI, GFP 488" in refusal(path, "channel=red")


@pytest.mark.parametrize("cut", CUTS)
def test_channels_of_ome_have_their_names(tmp_path: Path, cut: str) -> None:
    array = samples("uint16", (3, 32, 48))
    path = tmp_path / "a.ome.tif"
    names = {"Name": ["DAPI", "FITC", "DAPI"]}
    tifffile.imwrite(path, array, photometric="minisblack",
                     metadata={"axes": "CYX", "Channel": names}, **CUTS[cut])  # fmt: skip
    image, found = read(path)
    assert image.channels == ("DAPI 0", "FITC", "DAPI 2")
    np.testing.assert_array_equal(found, array)


def write_stack(path: Path, axes: str, shape: tuple[int, ...], **said: Any) -> NDArray[Any]:
    array = samples("uint16", shape)
    kind = {"imagej": True} if path.suffix == ".tif" else {"ome": True}
    tifffile.imwrite(path, array, photometric="minisblack", **kind, metadata={"axes": axes, **said},
                     resolution=(2, 2), resolutionunit="none")  # fmt: skip
    return array


STACKS = [
    ("a.tif", {"spacing": 1.5, "unit": "um"}),
    ("a.tif", {"spacing": 1.5, "unit": "\\u00B5m"}),
    ("a.tif", {"spacing": 0.0015, "unit": "mm"}),
    ("a.ome.tif", {"PhysicalSizeZ": 1.5, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}),
    ("b.ome.tif", {"PhysicalSizeZ": 1500, "PhysicalSizeZUnit": "nm", "PhysicalSizeX": 0.5,
                   "PhysicalSizeY": 0.5}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "said"), STACKS)
@pytest.mark.parametrize(("axes", "shape"), [("ZYX", (4, 20, 24)), ("ZCYX", (4, 2, 20, 24))])
def test_a_stack_with_a_distance_is_a_volume(
    tmp_path: Path, name: str, said: dict[str, Any], axes: str, shape: tuple[int, ...]
) -> None:
    path = tmp_path / name
    if name.endswith("ome.tif"):
        array = samples("uint16", shape)
        tifffile.imwrite(path, array, photometric="minisblack", metadata={"axes": axes, **said})
    else:
        array = write_stack(path, axes, shape, **said)
    image, found = read(path)
    assert isinstance(image, Volume)
    wanted = array[None] if axes == "ZYX" else np.moveaxis(array, 1, 0)
    np.testing.assert_array_equal(found, wanted)
    if said.get("unit") != "mm":
        assert image.geometry.spacing == pytest.approx((0.0015, 0.0005, 0.0005))
    np.testing.assert_array_equal(read(path, "page=2")[1], wanted[:, 2])
    np.testing.assert_array_equal(read(path, "project=max")[1], wanted.max(1))
    np.testing.assert_array_equal(read(path, "project=mean")[1], np.rint(wanted.mean(1)))


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "plain.tiff"])
@pytest.mark.parametrize(
    ("axes", "shape", "word"), [("ZYX", (4, 20, 24), "planes in z"), ("TYX", (4, 20, 24), "time")]
)
def test_planes_that_nothing_says_how_to_take_are_to_be_chosen(
    tmp_path: Path, name: str, axes: str, shape: tuple[int, ...], word: str
) -> None:
    path = tmp_path / name
    array = samples("uint16", shape)
    kind = {"a.tif": {"imagej": True}}.get(name, {})
    tifffile.imwrite(path, array, photometric="minisblack", metadata={"axes": axes}, **kind)
    text = refusal(path)
    assert word in text
    assert "--page 0 to --page 3" in text
    assert "--project max" in text
    np.testing.assert_array_equal(read(path, "page=3")[1][0], array[3])
    np.testing.assert_array_equal(read(path, "project=max")[1][0], array.max(0))
    assert "--page 4" in refusal(path, "page=4")


@pytest.mark.parametrize("description", [None, {}])
def test_pages_are_to_be_chosen(tmp_path: Path, description: dict[str, Any] | None) -> None:
    array = samples("uint8", (5, 20, 24))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="minisblack", metadata=description)
    assert "5 pages" in refusal(path)
    np.testing.assert_array_equal(read(path, "page=4")[1][0], array[4])


def test_time_and_depth_are_named_one_by_one(tmp_path: Path) -> None:
    array = samples("uint16", (2, 3, 20, 24))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, imagej=True, metadata={"axes": "TZYX"})
    assert "--page t=0,z=0" in refusal(path)
    np.testing.assert_array_equal(read(path, "page=t=1,z=2")[1][0], array[1, 2])
    np.testing.assert_array_equal(read(path, "page=t=1;project=max")[1][0], array[1].max(0))
    assert "2 time points and 3 planes in z" in refusal(path, "page=1")


def test_pages_of_several_sizes_are_scenes(tmp_path: Path) -> None:
    first, second = samples("uint8", (40, 40)), samples("uint8", (20, 20))
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(first, photometric="minisblack", metadata=None)
        file.write(second, photometric="minisblack", metadata=None)
    assert "--scene 0 to --scene 1" in refusal(path)
    np.testing.assert_array_equal(read(path, "scene=1")[1][0], second)


@pytest.mark.parametrize("cut", ["tiles", "one"])
def test_scenes_of_ome_are_no_levels_of_each_other(tmp_path: Path, cut: str) -> None:
    first, second = samples("uint8", (64, 64)), samples("uint8", (32, 32))
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(first, photometric="minisblack", metadata={"Name": "core A"}, **CUTS[cut])
        file.write(second, photometric="minisblack", metadata={"Name": "core B"}, **CUTS[cut])
    text = refusal(path)
    assert "core A" in text
    assert "core B" in text
    assert "--scene" in text
    image, found = read(path, "scene=core B")
    np.testing.assert_array_equal(found[0], second)
    np.testing.assert_array_equal(read(path, "scene=0")[1][0], first)
    assert not isinstance(image, Pyramid) or image.downsamples == (1.0,)


@pytest.mark.parametrize("gone", [False, True])
def test_planes_in_several_files_are_refused_and_never_half_read(
    tmp_path: Path, gone: bool
) -> None:
    parts = "".join(
        f'<TiffData FirstC="{c}" IFD="{c % 2}" PlaneCount="1"><UUID FileName="f{c // 2}.ome.tif">'
        f"urn:uuid:0000000{c // 2}-0000-0000-0000-000000000000</UUID></TiffData>"
        for c in range(4)
    )
    for k in range(2):
        head = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:0000000{k}-0000-0000-0000-000000000000"><Image ID="Image:0">'
            '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="24" SizeY="20" '
            f'SizeC="4" SizeZ="1" SizeT="1">{parts}</Pixels></Image></OME>'
        )
        with tifffile.TiffWriter(tmp_path / f"f{k}.ome.tif") as file:
            for page in range(2):
                file.write(samples("uint16", (20, 24)), photometric="minisblack", metadata=None,
                           description=None if page else head)  # fmt: skip
    if gone:
        (tmp_path / "f1.ome.tif").unlink()
    assert "export it" in refusal(tmp_path / "f0.ome.tif")


def test_levels_below_a_page_are_levels_of_every_channel(tmp_path: Path) -> None:
    array = samples("uint16", (2, 64, 64))
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        kwargs = {"photometric": "minisblack", "tile": (16, 16)}
        file.write(array, subifds=1, metadata={"axes": "CYX"}, **kwargs)
        file.write(array[:, ::2, ::2], subfiletype=1, **kwargs)
    image, found = read(path)
    assert isinstance(image, Pyramid)
    assert image.levels.shapes == ((64, 64), (32, 32))
    np.testing.assert_array_equal(found, array)
    half = image.shrunk(2.0)
    np.testing.assert_array_equal(half.read(half.geometry.full), array[:, ::2, ::2])


SPACINGS = [
    ({"resolution": (20_000, 10_000), "resolutionunit": "centimeter"}, (0.001, 0.0005)),
    ({"resolution": (50_800, 50_800), "resolutionunit": "inch"}, (0.0005, 0.0005)),
    ({"resolution": (72, 72), "resolutionunit": "inch"}, None),
    ({"resolution": (300, 300), "resolutionunit": "inch"}, None),
    ({"resolution": (4, 4), "metadata": {"unit": "micron"}}, (0.00025, 0.00025)),
    ({"resolution": (4, 4), "metadata": {"unit": "\\u00B5m"}}, (0.00025, 0.00025)),
    ({"resolution": (4, 4), "metadata": {"unit": "mm"}}, (0.25, 0.25)),
    ({"resolution": (20, 20), "metadata": {"unit": "cm"}}, (0.5, 0.5)),
    ({"resolution": (25_400, 25_400), "metadata": {"unit": "inch"}}, (0.001, 0.001)),
    ({"resolution": (0.5, 0.5), "metadata": {"unit": "nm"}}, (2e-6, 2e-6)),
    ({"resolution": (4, 4), "metadata": {"unit": "pixel"}}, None),
    ({"resolution": (4, 4)}, None),
]  # fmt: skip


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(("said", "wanted"), SPACINGS)
def test_the_size_of_pixels_is_what_the_file_says(
    tmp_path: Path, said: dict[str, Any], wanted: tuple[float, float] | None, cut: str
) -> None:
    path = tmp_path / "a.tif"
    said = {"resolutionunit": "none", **said}
    imagej = "metadata" in said and cut != "tiles"
    tifffile.imwrite(path, samples("uint8"), photometric="minisblack", imagej=imagej, **said,
                     **CUTS[cut])  # fmt: skip
    image = open_image(path)
    assert image.geometry.spacing == (None if wanted is None else pytest.approx(wanted))
    if wanted is not None:
        assert image.at(2 * max(wanted)).geometry.spacing is not None


@pytest.mark.parametrize(("unit", "mm"), [("µm", 1e-3), ("nm", 1e-6), ("mm", 1.0)])
@pytest.mark.parametrize("cut", CUTS)
def test_ome_says_the_size_of_pixels(tmp_path: Path, unit: str, mm: float, cut: str) -> None:
    path = tmp_path / "a.ome.tif"
    head = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": unit, "PhysicalSizeY": 0.25,
            "PhysicalSizeYUnit": unit}  # fmt: skip
    tifffile.imwrite(path, samples("uint8"), metadata=head, **CUTS[cut])
    assert open_image(path).geometry.spacing == pytest.approx((0.25 * mm, 0.5 * mm))


def test_a_size_that_no_instrument_has_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    head = {"axes": "YX", "PhysicalSizeX": 5, "PhysicalSizeXUnit": "m", "PhysicalSizeY": 5,
            "PhysicalSizeYUnit": "m"}  # fmt: skip
    tifffile.imwrite(path, samples("uint8"), metadata=head)
    image = open_image(path)
    assert image.geometry.spacing is None
    assert [note.kind for note in image.notes] == ["spacing"]


def test_72_dots_per_inch_that_a_converter_passed_on_are_no_measure(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    head = {"axes": "YX", "PhysicalSizeX": 352.7778, "PhysicalSizeY": 352.7778}
    tifffile.imwrite(path, samples("uint8"), metadata=head)
    assert open_image(path).geometry.spacing is None


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", "tiled.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stored_lying_are_read_upright(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    y, x = np.mgrid[:40, :64]
    array = np.stack([2 * y, 3 * x, y + x], -1).astype(np.uint8)
    path = tmp_path / f"a{suffix}"
    if path.suffix == ".tif":
        tag = [(274, "H", 1, orientation, True)]
        cut = {"tile": (16, 16)} if "tiled" in suffix else {"rowsperstrip": 8}
        tifffile.imwrite(path, array, photometric="rgb", extratags=tag, **cut)
        plain = tmp_path / "b.png"
        exif = Pillow.Exif()
        exif[274] = orientation
        Pillow.fromarray(array).save(plain, exif=exif)
    else:
        exif = Pillow.Exif()
        exif[274] = orientation
        Pillow.fromarray(array).save(path, exif=exif, quality=98)
        plain = path
    with Pillow.open(plain) as picture:
        wanted = np.asarray(ImageOps.exif_transpose(picture))
    image, found = read(path)
    assert image.geometry.shape == wanted.shape[:2]
    np.testing.assert_array_equal(np.moveaxis(found, 0, -1), wanted)
    assert ["orientation"] * (orientation > 1) == [note.kind for note in image.notes]


def test_exif_behind_the_samples_counts_too(tmp_path: Path) -> None:
    array = samples("uint8")
    exif = Pillow.Exif()
    exif[274] = 6
    path = tmp_path / "a.png"
    Pillow.fromarray(array).save(path, exif=exif)
    data = path.read_bytes()
    at = data.index(b"eXIf") - 4
    length = 12 + int.from_bytes(data[at : at + 4], "big")
    end = data.index(b"IEND") - 4
    path.write_bytes(data[:at] + data[at + length : end] + data[at : at + length] + data[end:])
    image, found = read(path)
    np.testing.assert_array_equal(found[0], np.rot90(array, -1))
    assert image.geometry.shape == array.shape[::-1]


def test_opacity_is_dropped_and_told_only_where_it_says_something(tmp_path: Path) -> None:
    rgba = samples("uint8", (20, 24, 4))
    Pillow.fromarray(rgba).save(tmp_path / "a.png")
    image, found = read(tmp_path / "a.png")
    np.testing.assert_array_equal(found, np.moveaxis(rgba[..., :3], -1, 0))
    assert [note.kind for note in image.notes] == ["alpha"]
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    tifffile.imwrite(tmp_path / "b.tif", rgba, photometric="rgb", extrasamples=["unassalpha"],
                     tile=(16, 16))  # fmt: skip
    stripped, tiled = read(tmp_path / "a.tif"), read(tmp_path / "b.tif")
    np.testing.assert_array_equal(stripped[1], tiled[1])
    assert [n.kind for n in stripped[0].notes] == [n.kind for n in tiled[0].notes] == ["alpha"]


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("cut", CUTS)
def test_measurements_are_not_mixed_with_their_fourth_plane(
    tmp_path: Path, dtype: str, cut: str
) -> None:
    rgba = samples(dtype, (20, 24, 4))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, rgba, photometric="rgb", extrasamples=["unassalpha"], **CUTS[cut])
    image, found = read(path)
    np.testing.assert_array_equal(found, np.moveaxis(rgba[..., :3], -1, 0))
    assert [note.kind for note in image.notes] == ["alpha"]


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_animations_are_refused(tmp_path: Path, suffix: str) -> None:
    frames = [Pillow.fromarray(samples("uint8", (16, 16))) for _ in range(3)]
    path = tmp_path / f"a{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert "3 frames" in refusal(path)


def test_cmyk_jpeg_is_refused(tmp_path: Path) -> None:
    Pillow.fromarray(samples("uint8", (16, 16, 4)), "CMYK").save(tmp_path / "a.jpg")
    assert "CMYK" in refusal(tmp_path / "a.jpg")


def test_a_plain_picture_has_no_page_to_choose(tmp_path: Path) -> None:
    Pillow.fromarray(samples("uint8", (16, 16, 3))).save(tmp_path / "a.png")
    with pytest.raises(SpecError, match="no page to choose from"):
        read(tmp_path / "a.png", "page=1")
    np.testing.assert_array_equal(
        read(tmp_path / "a.png", "channel=G")[1], read(tmp_path / "a.png")[1][1:2]
    )


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9])
def test_a_truncated_tiff_is_one_line(tmp_path: Path, cut: str, share: float) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, samples("uint16", (64, 64)), compression="deflate", **CUTS[cut])
    data = path.read_bytes()
    path.write_bytes(data[: 4 + int(share * len(data))])
    with pytest.raises(ReaderError) as caught:
        read(path)
    assert "\n" not in str(caught.value)


STACKS_OF_PAGES = {
    "ImageJ, z": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "ImageJ, time": {"imagej": True, "metadata": {"axes": "TYX"}},
    "no description": {"metadata": None},
    "shaped": {},
    "OME": {"ome": True},
    "BigTIFF, big-endian": {"bigtiff": True, "byteorder": ">", "metadata": None},
}  # fmt: skip


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", STACKS_OF_PAGES)
def test_a_truncated_stack_is_never_its_first_page(
    tmp_path: Path, kind: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.tif"
    array = samples("uint8", (5, 64, 80))
    tifffile.imwrite(path, array, photometric="minisblack", **STACKS_OF_PAGES[kind])
    read(path, "page=2" if kind != "OME" else None)  # the whole file is fine
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    for choice in (None, "page=0"):
        assert "truncated or damaged" in refusal(path, choice)
    assert capfd.readouterr().err == ""  # not a line of a library's log beside the refusal


def test_planes_that_imagej_keeps_without_pages_are_counted(tmp_path: Path) -> None:
    """Stacks above 4 GB have one page and all planes behind it; here a small one, cut."""
    path = tmp_path / "a.tif"
    said = "ImageJ=1.53t\nimages=5\nslices=5\n"
    tifffile.imwrite(path, samples("uint8", (64, 80)), description=said, metadata=None)
    assert "5 planes by its description, 1 in the file" in refusal(path)


def test_large_strips_are_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    shape = (6000, 50_000)
    tifffile.imwrite(path, shape=shape, dtype=np.uint8, photometric="minisblack")
    with path.open("r+b") as file, tifffile.TiffFile(path) as tiff:
        file.seek(tiff.pages[0].dataoffsets[0] + 5000 * shape[1] + 40_000)
        file.write(bytes(range(1, 11)))
    image = open_image(path)
    assert isinstance(image, Pyramid)
    level = image.levels.read(0, (5000, 40_000), (1, 10))
    assert level[0, :, 0].tolist() == list(range(1, 11))


CASES = [
    ("a-grey-16-bits-big-endian/field.tif", ("grey",), "uint16", [6932983]),
    ("a-colour-16-bits/field.tif", ("R", "G", "B"), "uint16", [842728, 420653, 279959]),
    ("a-colour-16-bits/field.png", ("R", "G", "B"), "uint16", [842728, 420653, 279959]),
    ("a-channels-of-imagej/stack.tif", ("BF", "DAPI", "GFP"), "uint16", [712063, 3279776, 721842]),
]


@pytest.mark.parametrize(("name", "channels", "dtype", "sums"), CASES)
def test_shared_pictures(name: str, channels: tuple[str, ...], dtype: str, sums: list[int]) -> None:
    path = SHARED / name
    if not path.is_file():
        pytest.skip("cases are not in ../shared")
    image, found = read(path)
    assert image.channels == channels
    assert found.dtype == dtype
    assert found.sum((1, 2)).tolist() == sums
