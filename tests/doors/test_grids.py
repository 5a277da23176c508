"""What a file says of spacing, forms and axes is read as it stands, said, or refused."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from typer.testing import CliRunner

from inklings.applications.lung_nodules.lungs import NODULES
from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.errors import ReaderError
from inklings.evaluation.chaos import surface_distances
from inklings.evaluation.volume import volume_ml
from inklings.findings.depth import depth
from inklings.findings.measure import measure
from inklings.geometry import Geometry
from inklings.labels.balls import on_grid
from inklings.labels.files import read_mask
from inklings.labels.kinds import BallLabel
from inklings.labels.marks import draw_marks
from inklings.orientation import orientation
from inklings.readers import open_image
from inklings.readers.image import Image
from inklings.readers.metaimage import write_itk
from inklings.readers.nifti import write_nifti
from inklings.readers.volume import Volume

SHARED = Path(__file__).parents[2] / ".." / "shared" / "cases"
SAMPLES = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
RUN = CliRunner()


def samples_of(image: Image) -> NDArray[Any]:
    return image.read(image.geometry.full)


def said(image: Image) -> str:
    return " | ".join(f"{note.kind}: {note.text}" for note in image.notes)


# --- NIfTI -------------------------------------------------------------------------------------

FORM = np.array([[2.0, 0, 0, 5], [0, 3, 0, -6], [0, 0, 4, 7], [0, 0, 0, 1]])
OTHER = FORM + np.array([[0, 0, 0, 20], [0, 0, 0, -30], [0, 0, 0, 0], [0, 0, 0, 0]])


def nifti(
    path: Path,
    sform: tuple[Any, int] = (FORM, 1),
    qform: tuple[Any, int] = (FORM, 1),
    edit: Callable[[bytearray], None] = lambda _: None,
    array: NDArray[Any] = SAMPLES,
    kind: Any = nibabel.Nifti1Image,
) -> Path:
    image = kind(array.transpose(range(array.ndim)[::-1]), FORM, dtype=array.dtype)
    image.set_sform(*sform)
    image.set_qform(*qform)
    image.header.set_xyzt_units("mm")
    data = bytearray(image.to_bytes())
    edit(data)
    path.write_bytes(gzip.compress(bytes(data), mtime=0) if path.suffix == ".gz" else data)
    return path


def number(at: int, form: str, *values: float) -> Callable[[bytearray], None]:
    return lambda data: struct.pack_into(form, data, at, *values)


@pytest.mark.parametrize("codes", [(1, 1), (2, 1), (1, 2), (4, 1), (2, 2)])
def test_forms_that_disagree_are_named_with_their_distance(
    tmp_path: Path, codes: tuple[int, int]
) -> None:
    path = nifti(tmp_path / "a.nii", (FORM, codes[0]), (OTHER, codes[1]))
    with open_image(path) as image:
        assert image.geometry.origin == pytest.approx((-5, 6, 7))  # the sform, in LPS
        assert [note.kind for note in image.notes] == ["qform and sform"]
        assert "36.06 mm" in said(image)
        assert isinstance(image, Volume)
        assert image.also[0].origin == pytest.approx((-25, 36, 7))
    peer = SimpleITK.ReadImage(str(path))  # takes the qform unless the sform has code 1
    assert peer.GetOrigin() == pytest.approx((-5, 6, 7) if codes[0] == 1 else (-25, 36, 7))


def test_forms_that_agree_or_are_not_there_are_not_named(tmp_path: Path) -> None:
    turned = FORM.copy()
    c, s = np.cos(0.3), np.sin(0.3)
    turned[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ FORM[:3, :3]
    for number_, (sform, qform) in enumerate(
        [((FORM, 1), (FORM, 1)), ((turned, 2), (turned, 1)), ((FORM, 1), (None, 0))]
    ):
        with open_image(nifti(tmp_path / f"{number_}.nii", sform, qform)) as image:
            assert not image.notes
    with open_image(nifti(tmp_path / "q.nii", (None, 0), (turned, 1))) as image:
        peer = SimpleITK.ReadImage(str(tmp_path / "q.nii"))
        assert np.allclose(image.geometry.axes.ravel(), peer.GetDirection(), atol=1e-6)


@pytest.mark.parametrize("qfac", [0.0, 1.0, -1.0, 5.0])
def test_the_handedness_of_a_qform_is_read_as_itk_reads_it(tmp_path: Path, qfac: float) -> None:
    path = nifti(tmp_path / "a.nii", (None, 0), (FORM, 1), number(76, "<f", qfac))
    with open_image(path) as image:
        peer = SimpleITK.ReadImage(str(path))
        assert np.allclose(image.geometry.axes.ravel(), peer.GetDirection(), atol=1e-6)
        assert orientation(image.geometry) == ("RAI" if qfac < 0 else "RAS")


def test_an_sform_that_spans_nothing_leaves_the_qform(tmp_path: Path) -> None:
    empty = number(280, "<12f", *[0.0] * 12)
    with open_image(nifti(tmp_path / "a.nii", (FORM, 1), (OTHER, 1), empty)) as image:
        assert image.geometry.origin == pytest.approx((-25, 36, 7))
        assert "the sform spans no volume" in said(image)


def test_a_file_without_forms_says_no_place(tmp_path: Path) -> None:
    with open_image(nifti(tmp_path / "a.nii", (None, 0), (None, 0))) as image:
        assert image.geometry.spacing == (4, 3, 2)
        assert image.geometry.direction is None
        assert orientation(image.geometry) == ""
        assert "not where it lies" in said(image)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
@pytest.mark.parametrize("qform", [(FORM, 1), (None, 0)])
def test_a_spacing_that_cannot_be_is_unknown_and_said(
    tmp_path: Path, value: float, qform: tuple[Any, int]
) -> None:
    path = nifti(tmp_path / "a.nii", (None, 0), qform, number(76 + 12, "<f", value))
    with open_image(path) as image:
        assert image.geometry.spacing is None
        assert "spacing: the file says a spacing of 2 x 3 x" in said(image)
        assert np.array_equal(samples_of(image)[0], SAMPLES)


def test_a_negative_spacing_is_refused_where_it_decides_and_said_where_not(tmp_path: Path) -> None:
    edit = number(76 + 12, "<f", -4.0)
    with pytest.raises(ReaderError, match="expected a spacing above 0 for its qform"):
        open_image(nifti(tmp_path / "q.nii", (None, 0), (FORM, 1), edit))
    with open_image(nifti(tmp_path / "s.nii", (FORM, 1), (None, 0), edit)) as image:
        assert image.geometry.spacing == (4, 3, 2)
    with open_image(nifti(tmp_path / "n.nii", (None, 0), (None, 0), edit)) as image:
        assert image.geometry.spacing == (4, 3, 2)
        assert "without the signs" in said(image)


def test_pixdim_that_the_form_contradicts_is_said(tmp_path: Path) -> None:
    edit = number(76 + 12, "<f", 1.0)
    with open_image(nifti(tmp_path / "a.nii", (FORM, 1), (None, 0), edit)) as image:
        assert image.geometry.spacing == (4, 3, 2)
        assert "pixdim says a spacing of 2 x 3 x 1 mm" in said(image)


@pytest.mark.parametrize(("unit", "factor"), [(1, 1000.0), (2, 1.0), (3, 0.001), (0, 1.0)])
def test_units_of_space_are_those_that_itk_reads(tmp_path: Path, unit: int, factor: float) -> None:
    path = nifti(tmp_path / "a.nii", edit=number(123, "<B", unit))
    with open_image(path) as image:
        peer = SimpleITK.ReadImage(str(path))
        assert image.geometry.spacing == pytest.approx(peer.GetSpacing()[::-1])
        assert image.geometry.spacing == pytest.approx((4 * factor, 3 * factor, 2 * factor))
        assert bool(image.notes) == (unit in (1, 3))


def test_a_spacing_beyond_belief_is_said(tmp_path: Path) -> None:
    tiny = FORM * [[0.001], [0.001], [0.001], [1]]
    path = nifti(tmp_path / "a.nii", (tiny, 1), (tiny, 1), number(123, "<B", 0))
    with open_image(path) as image:
        assert "without a unit" in said(image)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (number(280, "<fff", 0.0, 0.0, 0.0), "expected axes that span a volume"),
        (number(280, "<f", float("nan")), "expected axes that span a volume"),
        (number(70, "<hh", 32, 64), "expected real samples, got complex"),
        (number(70, "<h", 1), "damaged NIfTI"),
        (number(70, "<h", 999), "damaged NIfTI"),
        (number(40, "<h", 12), "damaged NIfTI|expected a volume"),
        (number(42, "<h", 30000), "truncated NIfTI file"),
    ],
)
def test_headers_that_mean_nothing_are_refused_in_words(
    tmp_path: Path, edit: Callable[[bytearray], None], words: str
) -> None:
    path = nifti(tmp_path / "a.nii", (FORM, 1), (None, 0), edit)
    with pytest.raises(ReaderError, match=words):
        samples_of(open_image(path))


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf")])
def test_a_slope_that_is_none_leaves_the_numbers(tmp_path: Path, slope: float) -> None:
    path = nifti(tmp_path / "a.nii", edit=number(112, "<ff", slope, 0.0))
    with open_image(path) as image:
        peer = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
        assert np.array_equal(samples_of(image)[0], peer)
        assert np.array_equal(peer, SAMPLES)
    path = nifti(tmp_path / "b.nii", edit=number(112, "<ff", slope, 5.0))
    with open_image(path) as image:
        assert np.array_equal(samples_of(image)[0], SAMPLES)  # as nibabel; ITK adds 5
        assert "intercept of 5 is not added" in said(image)


@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64",
                                  "uint64", "float32", "float64"])  # fmt: skip
@pytest.mark.parametrize("form", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_samples_of_every_type_come_back(tmp_path: Path, kind: str, form: Any) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(kind) * (3 if "8" not in kind else 1)
    for suffix in (".nii", ".nii.gz"):
        with open_image(nifti(tmp_path / f"a{suffix}", array=array, kind=form)) as image:
            assert np.array_equal(samples_of(image)[0], array)
            assert image.geometry.spacing == (4, 3, 2)


def test_large_numbers_in_64_bits_stay_what_they_are(tmp_path: Path) -> None:
    array = np.array([2**24 + 1, 2**31 + 5, 3], np.float64).reshape(1, 1, 3)
    with open_image(nifti(tmp_path / "a.nii", array=array)) as image:
        assert samples_of(image).ravel().tolist() == array.ravel().tolist()


def test_pairs_big_endian_colours_and_fifth_axes(tmp_path: Path) -> None:
    pair = nibabel.Nifti1Pair(SAMPLES.transpose(2, 1, 0), FORM)
    pair.to_filename(tmp_path / "pair.hdr")
    big = nibabel.Nifti1Image(SAMPLES.transpose(2, 1, 0), FORM)
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    nibabel.Nifti1Image(SAMPLES.transpose(2, 1, 0), big.affine, header).to_filename(
        tmp_path / "big.nii"
    )
    for name in ("pair.hdr", "big.nii"):
        with open_image(tmp_path / name) as image:
            assert np.array_equal(samples_of(image)[0], SAMPLES)
            assert image.geometry.spacing == (4, 3, 2)
    colours = np.zeros((4, 3, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    colours["G"] = SAMPLES.transpose(2, 1, 0)
    nibabel.Nifti1Image(colours, FORM).to_filename(tmp_path / "rgb.nii")
    with open_image(tmp_path / "rgb.nii") as image:
        assert image.channels == ("R", "G", "B")
        assert np.array_equal(samples_of(image)[1], SAMPLES)
    vectors = np.stack([SAMPLES, SAMPLES + 100])[:, None]  # (vector, time, z, y, x)
    with open_image(nifti(tmp_path / "vec.nii", array=vectors)) as image:
        assert samples_of(image).shape == (2, 2, 3, 4)
        assert np.array_equal(samples_of(image)[1], SAMPLES + 100)
    with pytest.raises(ReaderError, match="expected a volume of three axes"):
        open_image(nifti(tmp_path / "six.nii", array=np.stack([vectors[:, 0]] * 3)))


def test_a_series_in_time_is_named_as_one(tmp_path: Path) -> None:
    array = np.stack([SAMPLES, SAMPLES + 1])

    def edit(data: bytearray) -> None:
        struct.pack_into("<f", data, 76 + 16, 2.5)
        struct.pack_into("<B", data, 123, 2 | 8)

    with open_image(nifti(tmp_path / "a.nii", array=array, edit=edit)) as image:
        assert len(image.channels) == 2
        assert "axes: 2 volumes, 2.5 s apart" in said(image)
    with open_image(nifti(tmp_path / "b.nii", array=array)) as image:
        assert not image.notes


def stored_gzip(data: bytes) -> bytearray:
    """Gzip that does not compress: any byte may be changed, and only the checksum tells."""
    return bytearray(gzip.compress(data, 0, mtime=0))


def test_a_wrong_checksum_is_refused_however_the_volume_is_read(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", np.tile(SAMPLES, (4, 4, 4)), Geometry((8, 12, 16), (1, 1, 1)))
    data = stored_gzip((tmp_path / "a.nii").read_bytes())
    data[len(data) // 2] ^= 1
    path = tmp_path / "images" / "b.nii.gz"
    path.parent.mkdir()
    path.write_bytes(data)
    for stop in (8, 2):
        with open_image(path) as image, pytest.raises(ReaderError, match="CRC check failed"):
            image.read(type(image.geometry.full)((0, 0, 0), (stop, 12, 16)))
    done = RUN.invoke(app, ["show", str(path), "--out", str(tmp_path / "x.png")])
    assert done.exit_code == 2
    done = RUN.invoke(
        app, ["import", "nifti", "--images", str(path.parent), "--out", str(tmp_path / "cohort")]
    )
    assert done.exit_code in (2, 3), done.output
    assert (
        "unreadable image"
        in done.output + (tmp_path / "cohort" / "import_findings.csv").read_text()
    )
    members = gzip.compress((tmp_path / "a.nii").read_bytes()[:500])
    members += gzip.compress((tmp_path / "a.nii").read_bytes()[500:])
    (tmp_path / "members.nii.gz").write_bytes(members)
    with open_image(tmp_path / "members.nii.gz") as image:
        assert np.array_equal(samples_of(image)[0], np.tile(SAMPLES, (4, 4, 4)))
    for cut in (-1, -9, -40):
        path.write_bytes(gzip.compress((tmp_path / "a.nii").read_bytes())[:cut])
        with pytest.raises(ReaderError, match="truncated or damaged"):
            samples_of(open_image(path))
    (tmp_path / "short.nii").write_bytes((tmp_path / "a.nii").read_bytes()[:-10])
    with pytest.raises(ReaderError, match="truncated NIfTI file"):
        open_image(tmp_path / "short.nii")


@pytest.mark.parametrize("codes", [(2, 1), (1, 1)])
def test_a_mask_on_the_qform_of_its_image_comes_in_and_is_named(
    tmp_path: Path, codes: tuple[int, int]
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    image = nifti(tmp_path / "images" / "a.nii", (FORM, codes[0]), (OTHER, codes[1]))
    mask = (SAMPLES > 12).astype(np.uint8)
    nifti(tmp_path / "masks" / "a.nii", (OTHER, 1), (OTHER, 1), array=mask)
    done = imported(tmp_path, "0=background,1=organ")
    assert done.exit_code == 0, done.output
    case = next(iter(Cohort.read(tmp_path / "cohort")))
    assert np.array_equal(read_mask(case.labels[0].path), mask)
    table = (tmp_path / "cohort" / "import_findings.csv").read_text()
    assert "mask on the qform" in table
    assert "36.06 mm" in table
    checked = RUN.invoke(app, ["check", str(tmp_path / "cohort"), "--json"]).stdout
    assert "qform and sform" in checked
    assert '"ok": true' in checked
    assert "qform" in RUN.invoke(app, ["show", str(image), "--out", str(tmp_path / "x.png")]).stdout


def test_a_mask_on_neither_form_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    nifti(tmp_path / "images" / "a.nii", (FORM, 2), (OTHER, 1))
    third = OTHER + np.array([[0, 0, 0, 9], *[[0] * 4] * 3])
    nifti(tmp_path / "masks" / "a.nii", (third, 1), (third, 1), array=SAMPLES.astype(np.uint8))
    assert imported(tmp_path, "0=background,1=organ").exit_code == 3


def imported(folder: Path, values: str) -> Any:
    words = ["import", "nifti", "--images", str(folder / "images"), "--masks"]
    more = [str(folder / "masks"), "--values", values, "--out", str(folder / "cohort")]
    return RUN.invoke(app, [*words, *more])


def saved_again(path: Path, codes: NDArray[Any], kind: str) -> None:
    """As `get_fdata` and a header of ``kind`` leave it: whole numbers become steps of a slope."""
    image = nibabel.Nifti1Image(codes.transpose(2, 1, 0).astype(np.float64), FORM)
    image.set_data_dtype(kind)
    image.to_filename(path)


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "float32", "float64"])
@pytest.mark.parametrize("most", [1, 2, 5, 13, 23])
def test_masks_that_were_saved_again_are_the_codes_they_were(
    tmp_path: Path, kind: str, most: int
) -> None:
    codes = np.clip(SAMPLES, 0, most)
    saved_again(tmp_path / "a.nii.gz", codes, kind)
    peer = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "a.nii.gz")))
    assert np.array_equal(np.rint(peer), codes)
    assert np.array_equal(read_mask(tmp_path / "a.nii.gz"), codes)


def test_shares_and_images_are_no_masks(tmp_path: Path) -> None:
    shares = np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4)
    nifti(tmp_path / "a.nii", array=shares)
    with pytest.raises(Exception, match=r"expected whole numbers, got 22 samples.*0\.04348"):
        read_mask(tmp_path / "a.nii")
    scaled = nifti(tmp_path / "b.nii", edit=number(112, "<ff", 0.7, 0.0))
    with pytest.raises(Exception, match="expected whole numbers"):
        read_mask(scaled)  # steps of 0.7 hide which code was meant


def test_an_export_keeps_both_forms_of_its_scan(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii", (FORM, 2), (OTHER, 1))
    with open_image(path) as image:
        write_nifti(tmp_path / "mask.nii.gz", SAMPLES.astype(np.uint8), image.geometry, path)
    first, made = nibabel.load(path), nibabel.load(tmp_path / "mask.nii.gz")
    for form in ("get_sform", "get_qform"):
        mine, theirs = (getattr(one, form)(coded=True) for one in (made, first))
        assert mine[1] == theirs[1]
        assert np.allclose(mine[0], theirs[0], atol=1e-6)
    assert np.array_equal(np.asarray(made.dataobj).transpose(2, 1, 0), SAMPLES)
    peers = [SimpleITK.ReadImage(str(p)) for p in (path, tmp_path / "mask.nii.gz")]
    assert peers[0].GetOrigin() == peers[1].GetOrigin()


# --- NRRD and MetaImage ------------------------------------------------------------------------

PLACE = "space: {}\nspace directions: (2,0,0) (0,3,0) (0,0,4)\nspace origin: (1,2,3)"


def nrrd(path: Path, fields: str, array: NDArray[Any] = SAMPLES, packed: bool = False) -> Path:
    data = array.tobytes()
    words = [
        "NRRD0005", "type: short", f"dimension: {array.ndim}",
        f"sizes: {' '.join(map(str, array.shape[::-1]))}", "endian: little",
        f"encoding: {'gzip' if packed else 'raw'}", *([fields] if fields else []),
    ]  # fmt: skip
    body = gzip.compress(data, 0, mtime=0) if packed else data
    path.write_bytes("\n".join(words).encode() + b"\n\n" + body)
    return path


def meta(path: Path, fields: str, array: NDArray[Any] = SAMPLES, packed: bool = False) -> Path:
    body = zlib.compress(array.tobytes(), 0) if packed else array.tobytes()
    words = [
        "ObjectType = Image", f"NDims = {array.ndim}", "BinaryData = True",
        "BinaryDataByteOrderMSB = False", f"DimSize = {' '.join(map(str, array.shape[::-1]))}",
        *([fields] if fields else []),
        *(["CompressedData = True", f"CompressedDataSize = {len(body)}"] if packed else []),
        "ElementType = MET_SHORT", "ElementDataFile = LOCAL",
    ]  # fmt: skip
    path.write_bytes("\n".join(words).encode() + b"\n" + body)
    return path


@pytest.mark.parametrize(
    ("space", "code"),
    [
        ("left-posterior-superior", "LPS"),
        ("right-anterior-superior", "RAS"),
        ("left-anterior-superior", "LAS"),
        ("LPS", "LPS"),
        ("RAS", "RAS"),
    ],
)
def test_spaces_of_nrrd_become_axes_of_the_patient(tmp_path: Path, space: str, code: str) -> None:
    path = nrrd(tmp_path / "a.nrrd", PLACE.format(space))
    with open_image(path) as image:
        peer = SimpleITK.ReadImage(str(path))
        assert orientation(image.geometry) == code
        assert image.geometry.to_points((1, 2, 3)) == pytest.approx(
            peer.TransformIndexToPhysicalPoint((3, 2, 1))
        )
        assert not image.notes
        assert np.array_equal(samples_of(image)[0], SAMPLES)


@pytest.mark.parametrize(
    ("fields", "spacing", "words"),
    [
        ("spacings: 2 3 4", (4, 3, 2), "not where it lies"),
        ("spacings: 2 3 nan", None, "a spacing of 2 x 3 x nan"),
        ("", None, "no spacing"),
        (PLACE.format("scanner-xyz"), (4, 3, 2), "scanner-xyz"),
        (PLACE.format("left-posterior-superior").replace("(0,0,4)", "none"), None, "2 x 3"),
        (PLACE.format("LPS") + '\nspace units: "um" "um" "um"', (0.004, 0.003, 0.002), "um"),
        (PLACE.format("LPS") + '\nspace units: "cm" "cm" "cm"', (40, 30, 20), "cm"),
    ],
)
def test_what_nrrd_does_not_say_is_not_believed(
    tmp_path: Path, fields: str, spacing: tuple[float, ...] | None, words: str
) -> None:
    with open_image(nrrd(tmp_path / "a.nrrd", fields)) as image:
        mine = image.geometry.spacing
        assert mine is None if spacing is None else mine == pytest.approx(spacing)
        assert words in said(image)
        assert np.array_equal(samples_of(image)[0], SAMPLES)


@pytest.mark.parametrize(
    "fields",
    [
        "spacings: 2 3 0", "spacings: 2 3 -4", "spacings: 2 3 inf",
        PLACE.format("LPS").replace("(0,0,4)", "(0,0,0)"),
        PLACE.format("LPS").replace("(0,0,4)", "(0,3,0)"),
        PLACE.format("LPS").replace("(0,0,4)", "(0,0,nan)"),
        PLACE.format("LPS") + '\nspace units: "mm" "mm" "um"',
    ],
)  # fmt: skip
def test_axes_of_nrrd_that_cannot_be_are_refused(tmp_path: Path, fields: str) -> None:
    with pytest.raises(ReaderError):
        open_image(nrrd(tmp_path / "a.nrrd", fields))


@pytest.mark.parametrize("kind", ["vector", "list", "RGB-color"])
@pytest.mark.parametrize("last", [False, True])
def test_a_fourth_axis_of_nrrd_is_channels(tmp_path: Path, kind: str, last: bool) -> None:
    count = 3 if kind == "RGB-color" else 2
    each = np.stack([SAMPLES + 50 * k for k in range(count)])
    array = each if last else np.ascontiguousarray(np.moveaxis(each, 0, -1))
    kinds, none = ["domain"] * 3, ["(2,0,0)", "(0,3,0)", "(0,0,4)"]
    kinds.insert(3 if last else 0, kind)
    none.insert(3 if last else 0, "none")
    fields = f"space: LPS\nkinds: {' '.join(kinds)}\nspace directions: {' '.join(none)}"
    path = nrrd(tmp_path / "a.nrrd", f"{fields}\nspace origin: (1,2,3)", array)
    with open_image(path) as image:
        assert image.geometry.spacing == (4, 3, 2)
        assert np.array_equal(samples_of(image), each)


@pytest.mark.parametrize("array", [SAMPLES[0], np.stack([SAMPLES, SAMPLES])])
def test_planes_and_series_in_time_are_refused_in_words(
    tmp_path: Path, array: NDArray[Any]
) -> None:
    spacing = " ".join(["1"] * array.ndim)
    for path in (
        nrrd(tmp_path / "a.nrrd", f"spacings: {spacing}", array),
        meta(tmp_path / "a.mha", f"ElementSpacing = {spacing}", array),
    ):
        with pytest.raises(ReaderError, match="expected a volume of three axes"):
            open_image(path)


@pytest.mark.parametrize(
    ("fields", "spacing", "words"),
    [
        ("ElementSpacing = 2 3 4", (4, 3, 2), ""),
        ("ElementSize = 2 3 4", (4, 3, 2), ""),
        ("", None, "no spacing"),
        ("ElementSpacing = 2 3 4\nDistanceUnits = um", (0.004, 0.003, 0.002), "um"),
        ("ElementSpacing = 2 3 4\nTransformMatrix = 2 0 0 0 1 0 0 0 1", (4, 3, 4), "length 1"),
    ],
)
def test_what_metaimage_says_of_its_spacing(
    tmp_path: Path, fields: str, spacing: tuple[float, ...] | None, words: str
) -> None:
    with open_image(meta(tmp_path / "a.mha", fields)) as image:
        mine = image.geometry.spacing
        assert mine is None if spacing is None else mine == pytest.approx(spacing)
        assert words in said(image)
        assert bool(image.notes) == bool(words)
        assert np.array_equal(samples_of(image)[0], SAMPLES)


@pytest.mark.parametrize(
    "fields",
    [
        "ElementSpacing = 2 3 0", "ElementSpacing = 2 3 -4", "ElementSpacing = 2 3 nan",
        "ElementSpacing = 2 3 4\nTransformMatrix = 1 0 0 0 1 0 0 0 0",
        "ElementSpacing = 2 3 4\nDistanceUnits = furlong",
    ],
)  # fmt: skip
def test_axes_of_metaimage_that_cannot_be_are_refused(tmp_path: Path, fields: str) -> None:
    with pytest.raises(ReaderError):
        open_image(meta(tmp_path / "a.mha", fields))


def test_damage_of_compressed_samples_is_seen(tmp_path: Path) -> None:
    whole = {
        "a.mha": meta(tmp_path / "a.mha", "ElementSpacing = 2 3 4", packed=True).read_bytes(),
        "a.nrrd": nrrd(tmp_path / "a.nrrd", PLACE.format("LPS"), packed=True).read_bytes(),
    }
    for name, data in whole.items():
        with open_image(tmp_path / name) as image:
            assert np.array_equal(samples_of(image)[0], SAMPLES)
        flipped = bytearray(data)
        flipped[-20] ^= 1
        for damaged in (bytes(flipped), data[:-3], data[:-20]):
            (tmp_path / name).write_bytes(damaged)
            with pytest.raises(ReaderError, match="truncated or damaged"):
                samples_of(open_image(tmp_path / name))


# --- leaning axes ------------------------------------------------------------------------------

ANGLE = np.radians(25)
LEANING = Geometry(
    (14, 36, 36),
    (3.0, 1.0, 1.0),
    (-18.0, -10.0, -20.0),
    ((1.0, 0.0, 0.0), (0.0, 1.0, float(np.sin(ANGLE))), (0.0, 0.0, float(np.cos(ANGLE)))),
)


def ball(grid: Geometry, centre: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    points = grid.to_points(np.stack(np.indices(grid.shape), -1))
    inside: NDArray[np.bool_] = np.linalg.norm(points - centre, axis=-1) <= radius
    return inside


def middle(grid: Geometry) -> NDArray[np.float64]:
    return grid.to_points((np.array(grid.shape) - 1) / 2)


def test_a_ball_has_its_volume_on_leaning_axes() -> None:
    mask = ball(LEANING, middle(LEANING), 11.0)
    exact = 4 / 3 * np.pi * 11.0**3 / 1000
    assert LEANING.cell_mm == pytest.approx(3 * np.cos(ANGLE))
    assert volume_ml(mask, LEANING.spacing or (), LEANING.axes) == pytest.approx(exact, rel=0.02)
    straight = Geometry((14, 36, 36), (3.0, 1.0, 1.0))
    assert straight.cell_mm == 3.0


def test_distances_between_borders_are_those_of_the_points_in_the_patient() -> None:
    one = ball(LEANING, middle(LEANING), 9.0)
    other = ball(LEANING, middle(LEANING) + np.array([3.0, 1.0, 2.0]), 7.0)
    found = surface_distances(one, other, LEANING.spacing or (), LEANING.axes)
    assert found is not None
    points = [LEANING.to_points(np.argwhere(border(mask))) for mask in (one, other)]
    trees = [cKDTree(side) for side in points]
    worked = np.concatenate([trees[1].query(points[0])[0], trees[0].query(points[1])[0]])
    assert np.sort(found) == pytest.approx(np.sort(worked), abs=1e-9)


def border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(mask, 1)
    inner = mask.copy()
    for axis in range(3):
        for side in (0, 2):
            place = [slice(1, -1)] * 3
            place[axis] = slice(side, side + mask.shape[axis])
            inner &= padded[tuple(place)]
    return mask & ~inner


def test_depth_in_a_mask_is_that_of_a_search_through_all_points() -> None:
    mask = ball(LEANING, middle(LEANING), 9.0)
    outside = cKDTree(LEANING.to_points(np.argwhere(~mask)))
    worked = outside.query(LEANING.to_points(np.argwhere(mask)))[0]
    assert depth(mask, LEANING)[mask] == pytest.approx(worked)
    straight = Geometry(LEANING.shape, LEANING.spacing)
    assert depth(mask, straight).max() != pytest.approx(worked.max(), abs=0.1)


def test_a_ball_label_is_drawn_as_a_ball_on_leaning_axes() -> None:
    centre = tuple(middle(LEANING).tolist())
    mark = on_grid(BallLabel("image", "ball", centre, 18.0), LEANING)  # type: ignore[arg-type]
    drawn = draw_marks([mark], LEANING.shape, ("ball",), "filled")
    assert np.array_equal(drawn.category > 0, ball(LEANING, middle(LEANING), 9.0))


def test_a_nodule_has_one_size_on_straight_and_leaning_axes() -> None:
    sizes = []
    straight = Geometry((24, 60, 60), (1.0, 1.0, 1.0), (-30.0, -30.0, -12.0))
    for grid in (straight, replace(straight, direction=LEANING.direction)):
        values = np.where(ball(grid, middle(grid), 5.0), 40, -860).astype(np.int16)
        found = measure(values, grid, tuple(middle(grid).tolist()), 10.0, NODULES)
        assert found.grown
        sizes.append(found.diameter_mm)
    assert sizes == pytest.approx([10.0, 10.0], rel=0.05)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_leaning_axes_go_through_nrrd_and_mha(tmp_path: Path, suffix: str) -> None:
    mask = ball(LEANING, middle(LEANING), 9.0).astype(np.uint8)
    path = tmp_path / f"a{suffix}"
    write_itk(path, mask, LEANING)
    with open_image(path) as image:
        assert image.geometry.to_points((3, 4, 5)) == pytest.approx(LEANING.to_points((3, 4, 5)))
        assert image.geometry.cell_mm == pytest.approx(LEANING.cell_mm)
        assert np.array_equal(samples_of(image)[0], mask)
    write_nifti(tmp_path / "a.nii", mask, LEANING)
    with pytest.raises(RuntimeError, match="orthonormal"):
        SimpleITK.ReadImage(str(tmp_path / "a.nii"))


# --- the cases that were shown -----------------------------------------------------------------


def shown(name: str, folder: Path, values: str) -> dict[str, list[int]]:
    """Samples of each code of each case of a shared case."""
    if not (SHARED / name).is_dir():
        pytest.skip(f"{name} of the shared cases is not here")
    where = SHARED / name
    words = ["--images", str(where / "images"), "--masks", str(where / "masks")]
    done = RUN.invoke(
        app, ["import", "nifti", *words, "--values", values, "--out", str(folder / "c")]
    )
    assert done.exit_code == 0, done.output
    cases = Cohort.read(folder / "c")
    return {c.id: np.bincount(read_mask(c.labels[0].path).ravel()).tolist() for c in cases}


def test_the_mask_on_the_other_form_has_797_samples(tmp_path: Path) -> None:
    found = shown("b-two-forms-that-disagree", tmp_path, "0=background,1=organ")
    assert found == {"a": [11520 - 797, 797]}


def test_the_mask_saved_again_has_661_and_136_samples(tmp_path: Path) -> None:
    found = shown("b-mask-saved-again", tmp_path, "0=background,1=organ,2=lesion")
    assert found == {"a": [11520 - 797, 661, 136]}


def test_one_ball_in_three_orientations_has_782_samples_in_one_place(tmp_path: Path) -> None:
    found = shown("b-one-ball-in-three-orientations", tmp_path, "0=background,1=ball")
    assert found == {name: [11520 - 782, 782] for name in ("lps", "pir", "ras")}
    for case in Cohort.read(tmp_path / "c"):
        with open_image(case.images["image"]) as image:
            points = image.geometry.to_points(np.argwhere(read_mask(case.labels[0].path)))
            assert points.mean(0) == pytest.approx([17.03, 13.0, 27.0], abs=0.01)
            assert image.geometry.cell_mm == pytest.approx(3.75)
