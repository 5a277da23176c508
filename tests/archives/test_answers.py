"""What goes back: the objects of a case, by the kind of its run."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pydicom
import pytest
from dicomweb_stub import stub
from dimse_nodes import receiver
from volume_runs import study, volume_run

from inklings.archives.answers import answer, as_of, kind_of, uid_of, volumes_in
from inklings.archives.dicomweb import Archive
from inklings.archives.dimse import Node
from inklings.archives.place import Place
from inklings.archives.predicted import store
from inklings.errors import SpecError
from inklings.findings.finding import Finding
from inklings.predictions.findings import Findings
from inklings.readers import open_image
from inklings.testing.runs import untrained_run


@pytest.fixture
def found(tmp_path: Path) -> Path:
    """Findings of a series, one of them sure, and of another in which there are none."""
    for case, uid, score in (("a", "1.2.3", 0.9), ("b", "1.2.4", 0.1)):
        folder = study(tmp_path / case, uid)
        with open_image(folder) as image:
            frame = image.geometry.frame
            centre = tuple(image.geometry.to_points([[2.0, 12.0, 10.0]])[0].tolist())
        one = Finding("lesion", score, centre, 6.0, {"organ": "liver"})
        facts = {"image": str(folder), "threshold": 0.5, "stages": {"detector": "runs/d"}}
        Findings(case, (one,), frame, {}, facts).write(tmp_path / "out")
    return tmp_path / "out"


def test_a_report_and_its_outlines_go_to_a_node_and_to_an_archive(found: Path) -> None:
    made = answer(found, "a", ("dicom-sr",))
    assert [path.name for path in made.files] == ["a_page.dcm", "a_report.dcm", "a_seg.dcm"]
    assert answer(found, "b", ("dicom-sr",)).files == ()
    with receiver() as kept:
        Node("ARCHIVE", "127.0.0.1", kept.port).send(made.files, "INKLINGS")
        (report,), (seg,), (page,) = kept.of("SR"), kept.of("SEG"), kept.of("DOC")
    assert {one.StudyInstanceUID for one in (report, seg, page)} == {"1.2.3"}
    assert [page, report, seg] == [pydicom.dcmread(path) for path in made.files]
    for path in made.files if shutil.which("dciodvfy") else ():
        ran = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        assert "Error" not in ran.stderr
        assert ran.stderr.splitlines()[-1] in (
            "EncapsulatedPDF",
            "Comprehensive3DSR",
            "Segmentation",
        )
    with stub() as there:
        archive = Archive(Place.parse(there.url))
        done = [store(archive, found, ["a", "b"], ("dicom-sr",)) for _ in range(2)]
    assert [one.objects for one in done] == [3, 0]
    assert [one.before for one in done] == [0, 1]
    assert done[0].empty == ["b"]
    assert set(there.files) == {one.SOPInstanceUID for one in (report, seg, page)}


def test_an_object_of_another_time_has_another_uid_and_of_the_same_time_the_same(
    found: Path,
) -> None:
    first = [uid_of(path) for path in answer(found, "a", ("dicom-sr",)).files]
    when = datetime(2020, 2, 3, 4, 5, 6)
    other = as_of(found, "a", ("dicom-sr",), when)
    assert not set(first) & {uid_of(path) for path in other.files}
    said = pydicom.dcmread(other.files[0])
    now = datetime.strptime(said.ContentDate + said.ContentTime, "%Y%m%d%H%M%S")
    assert now == when


def test_what_predicts_no_single_volumes_is_refused(tmp_path: Path) -> None:
    assert kind_of(volume_run(tmp_path / "volumes"), ["rtstruct"]) == ("dense", ("rtstruct",))
    with pytest.raises(SpecError, match="trained on volumes"):
        kind_of(untrained_run(tmp_path / "pictures"))
    with pytest.raises(SpecError, match="--to dicom-sr: expected dicom-seg"):
        kind_of(tmp_path / "volumes", ["dicom-sr"])


def test_single_images_and_other_words_are_no_volumes(tmp_path: Path) -> None:
    folder = study(tmp_path / "a")
    assert len(volumes_in(folder)) == len(volumes_in(folder, "t1")) == 1
    assert volumes_in(folder, "t2") == []
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    assert volumes_in(folder) == []
