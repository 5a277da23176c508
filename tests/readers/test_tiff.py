import io
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from inklings.errors import ReaderError
from inklings.geometry import Region
from inklings.readers import open_image, tiff_levels
from inklings.readers.openslide import OpenSlideReader
from inklings.readers.picture import PictureImage
from inklings.readers.pyramid import Pyramid
from inklings.readers.tiff import TiffReader
from inklings.readers.tiff_colours import on_white
from inklings.readers.tiff_file import require_ends
from inklings.testing.slides import write_levels

REAL = Path(__file__).parents[3] / "shared" / "data" / "slides"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="slides are not in ../shared/data")


def noise(seed: int, shape: tuple[int, ...] = (300, 260, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def read_all(path: Path) -> np.ndarray:
    image = open_image(path)
    return image.read(image.geometry.full)


@pytest.mark.parametrize("compression", [None, "lzw", "adobe_deflate"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_regions_at_odd_places_hold_the_exact_pixels(
    tmp_path: Path, compression: str | None, bigtiff: bool
) -> None:
    array = noise(0)
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=bigtiff) as file:
        file.write(array, tile=(64, 48), photometric="rgb", compression=compression)
    image = open_image(path)
    assert isinstance(image, Pyramid)
    for y, x, h, w in [(0, 0, 300, 260), (63, 47, 2, 2), (1, 5, 200, 33), (299, 259, 1, 1)]:
        found = image.read(Region((y, x), (h, w)))
        np.testing.assert_array_equal(np.moveaxis(found, 0, -1), array[y : y + h, x : x + w])


def test_planes_that_are_stored_apart_come_together(tmp_path: Path) -> None:
    array = noise(1, (3, 130, 150))
    path = tmp_path / "planar.tif"
    tifffile.imwrite(path, array, tile=(64, 64), photometric="rgb", planarconfig="separate")
    image = open_image(path)
    assert image.geometry.shape == (130, 150)
    np.testing.assert_array_equal(image.read(image.geometry.full), array)


def test_an_ome_tiff_has_its_channels_levels_and_resolution(tmp_path: Path) -> None:
    array = np.random.default_rng(2).integers(0, 4000, (2, 256, 320)).astype(np.uint16)
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        head = {"axes": "CYX", "PhysicalSizeX": 0.325, "PhysicalSizeY": 325.0,
                "PhysicalSizeYUnit": "nm"}  # fmt: skip
        file.write(array, subifds=1, metadata=head, tile=(64, 64), photometric="minisblack")
        file.write(array[:, ::2, ::2], subfiletype=1, tile=(64, 64), photometric="minisblack")
    image = open_image(path)
    assert isinstance(image, Pyramid)
    assert image.geometry.spacing == pytest.approx((0.000325, 0.000325))
    assert image.downsamples == (1.0, 2.0)
    assert image.channels == ("0", "1")
    found = image.read(Region((10, 20), (100, 90)))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, array[:, 10:110, 20:110])
    half = image.shrunk(2.0)
    np.testing.assert_array_equal(half.read(half.geometry.full), array[:, ::2, ::2])


@pytest.mark.parametrize(("kind", "premultiplied"), [("unassalpha", False), ("assocalpha", True)])
def test_transparent_pixels_lie_on_white(tmp_path: Path, kind: str, premultiplied: bool) -> None:
    array = np.zeros((64, 64, 4), np.uint8)
    array[..., 0], array[..., 3] = 100, 255
    array[:32, :, 3] = 51  # a fifth
    if premultiplied:
        array[:32, :, 0] = 20
    path = write_levels(tmp_path / "a.tif", [array], extrasamples=[kind])
    found = open_image(path).read(Region((0, 0), (64, 64)))
    assert found.shape[0] == 3
    assert found[:, 0, 0].tolist() == [224, 204, 204]
    assert found[:, 40, 0].tolist() == [100, 0, 0]


def test_white_under_nothing_and_colour_under_everything() -> None:
    clear = np.array([[[10, 20, 30, 0], [10, 20, 30, 255]]], np.uint8)
    assert on_white(clear).tolist() == [[[255, 255, 255], [10, 20, 30]]]


def test_labels_and_macros_are_no_levels(tmp_path: Path) -> None:
    array = noise(3, (512, 512, 3))
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(array, tile=(64, 64), photometric="rgb")
        file.write(noise(4, (100, 90, 3)), photometric="rgb", rowsperstrip=16)  # thumbnail, strips
        file.write(array[::4, ::4], tile=(64, 64), photometric="rgb", subfiletype=1)
        file.write(noise(5, (64, 120, 3)), tile=(64, 64), photometric="rgb")  # macro: other shape
    image = open_image(path)
    assert isinstance(image, Pyramid)
    assert image.levels.shapes == ((512, 512), (128, 128))


def test_a_tile_that_was_left_out_is_white(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tif"
    tifffile.imwrite(path, shape=(128, 128, 3), dtype=np.uint8, tile=(64, 64), photometric="rgb",
                     data=None)  # fmt: skip
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        offset = page.tags[325].valueoffset
        count = page.tags[325].count
    with path.open("r+b") as raw:
        raw.seek(offset)
        raw.write(b"\0" * 4 * count)
    image = open_image(path)
    assert (image.read(image.geometry.full) == 255).all()


def test_plain_pictures_stay_pictures_and_shrink_too(tmp_path: Path) -> None:
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, np.full((40, 60, 3), 9, np.uint8), photometric="rgb")
    image = open_image(path, spacing_mm=0.5)
    assert isinstance(image, PictureImage)
    assert image.geometry.spacing == (0.5, 0.5)
    small = image.at(1.0)
    assert small.geometry.shape == (20, 30)
    assert (small.read(small.geometry.full) == 9).all()
    assert image.shrunk(4.0).geometry.shape == (10, 15)


@pytest.mark.parametrize("keep", [9, 200, 3000])
def test_a_truncated_slide_is_one_clear_line(tmp_path: Path, keep: int) -> None:
    path = write_levels(tmp_path / "a.tif", [noise(6)], compression="adobe_deflate")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ReaderError) as caught:
        read_all(path)
    assert "\n" not in str(caught.value)


def test_files_stay_open_only_up_to_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff_levels.FILES, "most", 5)
    images = [
        open_image(write_levels(tmp_path / f"{k}.tif", [noise(k, (70, 70, 3))])) for k in range(12)
    ]
    for k, image in enumerate(images):
        np.testing.assert_array_equal(
            np.moveaxis(image.read(image.geometry.full), 0, -1), noise(k, (70, 70, 3))
        )
        assert len(tiff_levels.FILES) <= 5


def test_many_threads_read_many_slides_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff_levels.FILES, "most", 2)
    images = [open_image(write_levels(tmp_path / f"{k}.tif", [noise(k)])) for k in range(6)]

    def task(number: int) -> bool:
        rng = np.random.default_rng(number)
        k, y, x = number % 6, int(rng.integers(0, 200)), int(rng.integers(0, 200))
        found = images[k].read(Region((y, x), (60, 50)))
        return bool((np.moveaxis(found, 0, -1) == noise(k)[y : y + 60, x : x + 50]).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(task, range(200)))


def test_a_file_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for seed in (1, 2):
        write_levels(path, [noise(seed, (70, 70 + seed, 3))])
        image = open_image(path)
        found = np.moveaxis(image.read(image.geometry.full), 0, -1)
        np.testing.assert_array_equal(found, noise(seed, (70, 70 + seed, 3)))


def _child(image: Pyramid, sent: "multiprocessing.Queue[bool]") -> None:
    found = np.moveaxis(image.read(Region((0, 0), (300, 260))), 0, -1)
    sent.put(bool((found == noise(0)).all()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_reads_while_its_parent_does(tmp_path: Path) -> None:
    image = open_image(write_levels(tmp_path / "a.tif", [noise(0)], compression="adobe_deflate"))
    assert isinstance(image, Pyramid)
    image.read(Region((0, 0), (10, 10)))
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            image.read(Region((5, 5), (200, 200)))

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        context = multiprocessing.get_context("fork")
        sent = context.Queue()
        children = [context.Process(target=_child, args=(image, sent)) for _ in range(4)]
        for child in children:
            child.start()
        assert all(sent.get(timeout=30) for _ in children)
        for child in children:
            child.join(30)
    finally:
        stop.set()
        thread.join()


@needs_real
@pytest.mark.parametrize("name", ["cmu-1-small-region.svs", "CropBreastSlide.tiff"])
def test_our_pixels_are_those_of_openslide(name: str) -> None:
    ours, theirs = TiffReader().open(REAL / name), OpenSlideReader().open(REAL / name)
    assert ours.levels.shapes == theirs.levels.shapes
    region = Region((331, 207), (400, 500))
    np.testing.assert_array_equal(ours.read(region), theirs.read(region))
    assert theirs.shrunk(3.3).read(Region((10, 10), (50, 60))).shape == (3, 50, 60)


@needs_real
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken.svs", "no reader recognises this format"),
        ("unreadable.svs", "cannot decode pixels"),
        ("unopenable.tiff", "unknown compression 52479"),
    ],
)
def test_broken_slides_say_what_is_wrong_with_them(name: str, message: str) -> None:
    with pytest.raises(ReaderError, match=message):
        read_all(REAL / name)


@pytest.mark.parametrize("broken", [True, False])
def test_a_damaged_ome_description_is_told(tmp_path: Path, broken: bool) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.zeros((8, 9), np.uint8), ome=True)
    if broken:
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"<Pixels", b"<Pixel<", 1))
    with open_image(path) as image:
        kinds = [note.kind for note in image.notes]
    assert ("description" in kinds) == broken


@pytest.mark.parametrize(("last", "circle"), [(0, False), (8, True), (26, True), (900, False)])
def test_pages_in_a_circle_are_refused(last: int, circle: bool) -> None:
    directory = (1).to_bytes(2, "little") + bytes(12)
    data = bytes(4) + (8).to_bytes(4, "little") + directory + (26).to_bytes(4, "little")
    stream = io.BytesIO(data + directory + last.to_bytes(4, "little"))
    handle = SimpleNamespace(seek=stream.seek, read=stream.read, size=len(stream.getvalue()))
    file = SimpleNamespace(tiff=tifffile.TIFF.CLASSIC_LE, filehandle=handle)
    if circle:
        with pytest.raises(ValueError, match="in a circle"):
            require_ends(file)
    else:
        require_ends(file)
