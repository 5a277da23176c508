import dataclasses
from pathlib import Path

import blosc2
import numpy as np
import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.datasets.importing import run
from inklings.datasets.luna16 import Luna16
from inklings.datasets.volume_cache import cache
from inklings.errors import ReaderError, SpecError
from inklings.geometry import Region
from inklings.labels.files import write_mask
from inklings.labels.kinds import MaskLabel
from inklings.readers import open_image
from inklings.simulation.phantoms.luna import write_luna

SHAPE = (40, 80, 80)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("luna")
    write_luna(root / "in", 3, shape=SHAPE, nodules=2)
    run(Luna16(root / "in"), root / "cohort", workers=1)
    return root / "cohort"


def test_the_store_is_a_cohort_with_the_same_samples_labels_and_places(
    cohort: Path, tmp_path: Path
) -> None:
    done = cache(cohort, tmp_path / "s")
    assert (done.volumes, done.outside, done.summary.finished) == (3, 0, 3)
    assert done.bytes_on_disk < done.bytes_decoded / 1.5
    for before, after in zip(Cohort.read(cohort), Cohort.read(tmp_path / "s"), strict=True):
        assert (before.id, before.patient, before.labels) == (after.id, after.patient, after.labels)
        with open_case(before, "ct") as one, open_case(after, "ct") as other:
            assert other.geometry == one.geometry
            full = one.read(one.geometry.full)
            assert (other.read(other.geometry.full) == full).all()
            crop = Region((5, 30, 41), (20, 33, 17))
            assert (other.read(crop) == full[:, *crop.slices]).all()
            views = [image.at(3.0) for image in (one, other)]
            assert (views[0].read(Region((2, 3, 4), (6, 7, 8)))
                    == views[1].read(Region((2, 3, 4), (6, 7, 8)))).all()  # fmt: skip


def test_a_crop_decodes_only_the_blocks_that_it_touches(tmp_path: Path, cohort: Path) -> None:
    done = cache(cohort, tmp_path / "s")
    path = done.cohort.cases[0].images["ct"]
    array = blosc2.open(str(path), mode="r")
    assert array.chunks == (1, 32, 64, 64)
    assert array.blocks == (1, 8, 32, 32)
    # Only the first chunk is whole: what lies in it can be read, what lies beyond cannot.
    data = bytearray(path.read_bytes())
    with open_image(path) as image:
        first = image.read(Region((0, 0, 0), (8, 32, 32)))
    cut = tmp_path / "cut.b2nd"
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    cut.write_bytes(data)
    with open_image(cut) as image:
        assert (image.read(Region((0, 0, 0), (8, 32, 32))) == first).all()


def test_the_second_run_finds_everything_done_and_a_changed_scan_is_made_again(
    tmp_path: Path,
) -> None:
    root = write_luna(tmp_path / "in", 2, shape=(16, 32, 32), nodules=1)
    run(Luna16(root), tmp_path / "c", workers=1)
    cache(tmp_path / "c", tmp_path / "s")
    assert cache(tmp_path / "c", tmp_path / "s").summary.skipped == 2
    raw = next(root.rglob("*.raw"))
    raw.write_bytes(bytes(raw.stat().st_size))
    again = cache(tmp_path / "c", tmp_path / "s")
    assert (again.summary.finished, again.summary.skipped) == (1, 1)


def test_killed_in_the_middle_it_goes_on_and_leaves_no_half_file(
    cohort: Path, tmp_path: Path
) -> None:
    done = cache(cohort, tmp_path / "s")
    path = done.cohort.cases[1].images["ct"]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])  # as a full disk would leave it
    with pytest.raises(ReaderError, match="damaged or foreign"):
        open_image(path)
    again = cache(cohort, tmp_path / "s")
    assert (again.summary.finished, again.summary.skipped) == (1, 2)
    assert not list(path.parent.glob(".*"))
    with open_image(path) as image:
        assert image.read(image.geometry.full).any()


def test_the_bound_holds_and_what_does_not_fit_stays_where_it_is(
    cohort: Path, tmp_path: Path
) -> None:
    size = cache(cohort, tmp_path / "all").bytes_on_disk
    bound = size * 0.75 / 2**30
    done = cache(cohort, tmp_path / "s", most_gb=bound)
    assert (done.volumes, done.outside) == (2, 1)
    assert done.bytes_on_disk <= size * 0.75
    assert "raise --max-gb" in next(iter(done.summary.failed.values()))
    outside = [c for c in done.cohort if c.images["ct"].suffix == ".mhd"]
    with open_case(outside[0], "ct") as image:
        assert image.geometry.shape == SHAPE


def test_resampled_copies_are_the_views_of_the_originals(cohort: Path, tmp_path: Path) -> None:
    done = cache(cohort, tmp_path / "s", (4.0, 5.0, 5.0))
    before = Cohort.read(cohort).cases[0]
    with open_case(before, "ct") as one, open_case(done.cohort.cases[0], "ct") as other:
        view = one.at((4.0, 5.0, 5.0))
        assert other.geometry == view.geometry
        assert (other.read(other.geometry.full) == view.read(view.geometry.full)).all()
    with pytest.raises(SpecError, match="give another --out"):
        cache(cohort, tmp_path / "s")


def test_resampling_under_masks_is_refused(cohort: Path, tmp_path: Path) -> None:
    source = Cohort.read(cohort)
    mask = tmp_path / "m.npy"
    write_mask(mask, np.zeros(SHAPE, np.uint8))
    labels = (MaskLabel(mask, "ct", "classes", ("nodule",)),)
    cases = tuple(dataclasses.replace(case, labels=labels) for case in source)
    dataclasses.replace(source, cases=cases).write(tmp_path / "c")
    with pytest.raises(SpecError, match="MaskLabel"):
        cache(tmp_path / "c", tmp_path / "s", (2.0, 2.0, 2.0))


def test_the_command_says_what_it_saved_and_ends_with_3_where_the_bound_was_met(
    cohort: Path, tmp_path: Path
) -> None:
    words = ["cache", str(cohort), "--out", str(tmp_path / "s")]
    full = CliRunner().invoke(app, words)
    assert full.exit_code == 0, full.output
    assert "3 volumes" in full.stdout
    tight = CliRunner().invoke(app, [*words[:-1], str(tmp_path / "t"), "--max-gb", "0"])
    assert tight.exit_code == 3
    assert "3 stay where they are" in tight.stdout
