"""Places of features that other tools wrote, on slides that are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from inklings.bags.places import places, slides_of
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.datasets.feature_bags import FeatureBags
from inklings.datasets.importing import run
from inklings.errors import DataError
from inklings.testing.runs import slides

UM = 0.5
CORNERS = np.array([(0, 64), (64, 64), (128, 192), (256, 0)])  # (x, y) on level 0
SIDE = 64

Writer = Callable[[h5py.File], None]


def trident(file: h5py.File) -> None:
    file["coords"] = CORNERS
    file["coords"].attrs.update({"patch_size": 16, "patch_size_level0": SIDE, "overlap": 0})


def clam(file: h5py.File) -> None:
    """Patches of level 1, which is four times coarser; places are of level 0."""
    file["coords"] = CORNERS
    file["coords"].attrs.update(
        {"patch_size": SIDE // 4, "patch_level": 1, "downsample": np.array([4.0, 4.0])}
    )


def clam_of_level_0(file: h5py.File) -> None:
    file["coords"] = CORNERS
    file["coords"].attrs.update({"patch_size": SIDE, "patch_level": 0})


def bare(file: h5py.File) -> None:
    """As CLAM's features lie: places without a word; the least distance is one tile."""
    file["coords"] = CORNERS


def stamp(file: h5py.File) -> None:
    file["coords"] = CORNERS * UM
    file.attrs.update({"unit": "um", "tile_size_um": SIDE * UM, "feat_type": "tile"})


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("slides")
    files = sorted(slides(home / "files", 2, um=UM).iterdir())
    cases = tuple(Case(f.stem, f.stem, {"slide": f}) for f in files)
    Cohort("slides", cases, ("tumour",)).write(home / "cohort")
    return home / "cohort"


def imported(write: Writer, slides: Path | None, here: Path, **options: Any) -> Cohort:
    names = ("s000", "s001")
    for k, name in enumerate(names):
        (here / "h5").mkdir(parents=True, exist_ok=True)
        with h5py.File(here / "h5" / f"{name}.h5", "w") as file:
            file["features" if write is not stamp else "feats"] = np.full((4, 8), k, np.float32)
            write(file)
    rows = ["slide,label,patient", *(f"{name},{k},p" for k, name in enumerate(names))]
    if options:
        rows = ["slide,label,patient", *(f"{name},1,p" for name in names)]
    (here / "t.csv").write_text("\n".join(rows))
    dataset = FeatureBags(here / "h5", here / "t.csv", slides=slides, **options)
    return run(dataset, here / "bags", workers=1).cohort


@pytest.mark.parametrize("write", [trident, clam, clam_of_level_0, bare, stamp])
def test_tiles_lie_where_their_writer_noted_them(
    write: Writer, there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cohort = imported(write, there, tmp_path)
    for case in cohort:
        lies = places(case, slides_of(cohort, tmp_path / "bags"))
        assert lies is not None
        np.testing.assert_allclose(lies.boxes[:, :2], CORNERS[:, ::-1])
        np.testing.assert_allclose(lies.boxes[:, 2:], SIDE)
    said = capsys.readouterr().err
    assert ("taken as wide as they lie apart, 64 pixels" in said) == (write is bare)


def test_slides_of_a_patient_are_found_by_the_names_of_their_files(
    there: Path, tmp_path: Path
) -> None:
    cohort = imported(trident, there, tmp_path, patient="patient")
    (bag,) = cohort
    lies = places(bag, slides_of(cohort, tmp_path / "bags"))
    assert lies is not None
    assert [one.id for one in lies.slides] == ["slide+s000", "slide+s001"]
    assert lies.slide.tolist() == [0] * 4 + [1] * 4


def test_without_slides_or_with_others_nothing_is_guessed(there: Path, tmp_path: Path) -> None:
    cohort = imported(trident, None, tmp_path / "none")
    assert slides_of(cohort, tmp_path / "none" / "bags") == {}
    others = tuple(Case("x", "x", case.images) for case in list(Cohort.read(there))[:1])
    Cohort("others", others, ("tumour",)).write(tmp_path / "others")
    with pytest.raises(DataError, match="expected slides called as the features are, got x"):
        imported(trident, tmp_path / "others", tmp_path / "wrong")
