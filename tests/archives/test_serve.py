"""Studies in, answers out, between nodes of this process; a real archive is in test_orthanc."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomweb_stub import stub
from dimse_nodes import SENDER, Receiver, receiver, send
from orthanc import free_port
from services import STABLE_S, Mortal, service, until
from typer.testing import CliRunner
from volume_runs import NAME, NUMBER, finding_run, study, volume_run

from inklings.archives import dicomweb, serve
from inklings.archives.dimse import Node, title
from inklings.archives.place import Place
from inklings.archives.queue import Queue, QueuedStudy, State, backed_off, scrubbed
from inklings.archives.serve import Answers
from inklings.cli import app
from inklings.errors import DataError, SpecError
from inklings.inference.predict import predict
from inklings.predictions.dense import DensePrediction

SECRETS = (*NAME.replace("^", " ").split(), NUMBER)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return volume_run(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture
def archive() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def files(folder: Path, uid: str = "1.2.3") -> list[Path]:
    return sorted(study(folder, uid).iterdir())


def says_no_name(root: Path, *texts: str) -> None:
    """Of all that is not an object of DICOM: names of files, logs, states."""
    kept = [str(path) for path in root.rglob("*")]
    kept += [p.read_text("latin-1") for p in root.rglob("*") if p.suffix in (".json", ".jsonl")]
    assert not any(secret in text for secret in SECRETS for text in (*kept, *texts))


def test_a_study_is_answered_with_what_predict_finds(
    run: Path, archive: Receiver, tmp_path: Path
) -> None:
    sent = files(tmp_path / "a")
    with service(run, tmp_path / "q", archive.port, ("dicom-seg", "rtstruct")) as made:
        assert send(made.port, sent) == [0] * 6
        (line,) = made.answered(1)
        assert (line["outcome"], line["images"], line["objects"]) == ("answered", 6, 2)
    stored = sorted((tmp_path / "q").glob("studies/*/images/*/*.dcm"))
    pixels = {p.SOPInstanceUID: p.PixelData for p in map(pydicom.dcmread, sent)}
    assert {p.SOPInstanceUID: p.PixelData for p in map(pydicom.dcmread, stored)} == pixels
    says_no_name(tmp_path / "q", *made.said)
    (seg,), (contours,) = archive.of("SEG"), archive.of("RTSTRUCT")
    assert (seg.StudyInstanceUID, seg.PatientID) == ("1.2.3", NUMBER)
    assert contours.StructureSetROISequence[0].ROIName == "liver"
    predict(run, [tmp_path / "a"], tmp_path / "out")
    mask = DensePrediction.read(tmp_path / "out", "a").dense[0] >= 128
    shown = np.zeros(mask.shape, bool)
    order = {pydicom.dcmread(path).SOPInstanceUID: place for place, path in enumerate(sent)}
    for frame, plane in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        source = frame.DerivationImageSequence[0].SourceImageSequence[0]
        shown[order[source.ReferencedSOPInstanceUID]] = plane
    np.testing.assert_array_equal(shown, mask)


def test_twice_the_same_study_gives_one_result_and_late_images_another(
    run: Path, archive: Receiver, tmp_path: Path
) -> None:
    sent = files(tmp_path / "a")
    with service(run, tmp_path / "q", archive.port) as made:
        send(made.port, sent[:5])
        made.answered(1)
        send(made.port, sent[:5])
        time.sleep(4 * STABLE_S)
        assert (len(made.log()), archive.stores) == (1, 1)
        send(made.port, sent[5:])
        assert [line["images"] for line in made.answered(2)] == [5, 6]
    with service(run, tmp_path / "q", archive.port) as made:  # also by another process
        send(made.port, sent)
        time.sleep(4 * STABLE_S)
        assert len(made.log()) == 2
    assert archive.stores == 2


def test_images_go_when_they_were_kept_long_enough_and_the_answer_is_remembered(
    run: Path, archive: Receiver, tmp_path: Path
) -> None:
    sent = files(tmp_path / "a")
    with service(run, tmp_path / "q", archive.port, keep_s=0.0) as made:
        for _ in range(2):
            send(made.port, sent)
            made.answered(1)
            until(lambda: not list((tmp_path / "q" / "studies").iterdir()))
    assert archive.stores == 1


def test_an_archive_that_is_down_cut_or_full_loses_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def soon(state: State) -> State:
        return replace(backed_off(state), later=time.time() + 0.2)

    monkeypatch.setattr(serve, "backed_off", soon)
    port = free_port()
    with service(run, tmp_path / "q", port) as made:
        send(made.port, files(tmp_path / "a"))
        until(lambda: bool(made.said))
        assert "cannot be reached" in made.said[0]
        kept = Receiver()
        kept.abort, kept.status, kept.slow_s = 1, [0xA700], 0.3
        with receiver(port, kept):
            (line,) = made.answered(1)
        assert line["sends"] >= 3
    says_no_name(tmp_path / "q", *made.said)
    assert (len(kept.files), len(made.said)) == (1, 1)


def test_a_sender_that_was_cut_off_is_waited_for(
    run: Path, archive: Receiver, tmp_path: Path
) -> None:
    sent = files(tmp_path / "a")
    with service(run, tmp_path / "q", archive.port) as made:
        assert send(made.port, sent, cut=3)[:3] == [0, 0, 0]
        time.sleep(3 * STABLE_S)
        assert not made.log()
        send(made.port, sent)
        assert [line["images"] for line in made.answered(1)] == [6]
    assert archive.stores == 1


@pytest.mark.slow
def test_a_detector_answers_with_report_page_and_outlines(
    archive: Receiver, tmp_path: Path
) -> None:
    detector = finding_run(tmp_path / "detector")
    sent = sorted(study(tmp_path / "a", shape=(16, 32, 32)).iterdir())
    with service(detector, tmp_path / "q", archive.port) as made:
        send(made.port, sent)
        (line,) = made.answered(1)
    assert (line["outcome"], line["objects"]) == ("answered", 3)
    (report,), (page,), (seg,) = archive.of("SR"), archive.of("DOC"), archive.of("SEG")
    assert {one.StudyInstanceUID for one in (report, page, seg)} == {"1.2.3"}
    (referred,) = [
        one.ReferencedSOPInstanceUID
        for series in report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
        if one.ReferencedSOPClassUID == seg.SOPClassUID
    ]
    assert referred == seg.SOPInstanceUID


def test_several_senders_of_one_study_are_answered_once(
    run: Path, archive: Receiver, tmp_path: Path
) -> None:
    sent = files(tmp_path / "a")
    with service(run, tmp_path / "q", archive.port) as made:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda k: send(made.port, sent[k::3]), range(3)))
        assert [line["images"] for line in made.answered(1)] == [6]
        time.sleep(2 * STABLE_S)
    assert archive.stores == 1


def test_answers_go_to_an_archive_by_dicomweb_too(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dicomweb, "WAITS", ())
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    with stub() as there:
        there.busy = 1
        store = dicomweb.Archive(Place.parse(there.url)).store
        with service(run, tmp_path / "q", 0, send=store) as made:
            send(made.port, files(tmp_path / "a"))
            (line,) = made.answered(1)
        assert line["sends"] == 1
        assert len(there.files) == 1


def test_who_is_not_on_the_list_is_refused(run: Path, archive: Receiver, tmp_path: Path) -> None:
    sent = files(tmp_path / "a")[:1]
    with service(run, tmp_path / "q", archive.port) as made:
        assert send(made.port, sent, ae="STRANGER") == [None]
        assert send(made.port, sent, called="OTHER") == [None]
        until(lambda: len(made.said) == 2)
        assert "'STRANGER'" in made.said[0]
        assert not list((tmp_path / "q").rglob("*.dcm"))


def test_what_does_not_fit_is_refused_and_what_is_no_image_is_let_go(
    run: Path, archive: Receiver, tmp_path: Path
) -> None:
    sent = files(tmp_path / "a")
    with service(run, tmp_path / "q", archive.port, most_bytes=4500.0) as made:
        found = send(made.port, sent)
        assert found[0] == 0
        assert found[-1] == 0xA700
        ours = pydicom.dcmread(sent[0])
        ours.Modality = "SEG"
        ours.save_as(tmp_path / "seg.dcm")
        assert send(made.port, [tmp_path / "seg.dcm"]) == [0]


def test_a_study_that_cannot_be_predicted_is_one_line_and_the_next_is_answered(
    run: Path, archive: Receiver, tmp_path: Path
) -> None:
    broken = files(tmp_path / "a", "1.2.4")
    for number, path in enumerate(broken):
        one = pydicom.dcmread(path)
        one.ImagePositionPatient = [0, 0, number**3]
        one.SeriesDescription = f"of {NAME}"
        one.save_as(path)
    with service(run, tmp_path / "q", archive.port) as made:
        send(made.port, broken)
        made.answered(1)
        send(made.port, files(tmp_path / "b"))
        failed, answered = made.answered(2)
        assert (failed["outcome"], answered["outcome"]) == ("failed", "answered")
        assert failed["reason"]
    says_no_name(tmp_path / "q", *made.said)


@pytest.mark.parametrize("error", [OSError(28, "no room"), MemoryError(), DataError("run gone")])
def test_what_is_of_the_machine_is_tried_again(
    run: Path,
    archive: Receiver,
    tmp_path: Path,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errors, make = [error], Answers.make

    def made(self: Answers, study: QueuedStudy) -> State:
        if errors:
            raise errors.pop()
        return make(self, study)

    monkeypatch.setattr(Answers, "make", made)
    with service(run, tmp_path / "q", archive.port) as served:
        send(served.port, files(tmp_path / "a"))
        (line,) = served.answered(1)
    assert line["outcome"] == "answered"
    assert "is tried again" in served.said[0]


def test_what_never_works_fails_after_ten_tries(
    run: Path, archive: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(*_: object) -> State:
        raise DataError(f"of {NAME}")

    monkeypatch.setattr(Answers, "make", made)
    monkeypatch.setattr(serve, "backed_off", lambda state: state)
    with service(run, tmp_path / "q", archive.port) as served:
        send(served.port, files(tmp_path / "a"))
        (line,) = served.answered(1)
    assert line["outcome"] == "failed"
    assert line["reason"] == "begun 10 times, and each time: of ..."
    says_no_name(tmp_path / "q", *served.said)


def test_one_process_works_on_a_queue(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "q", "a", 1, 1, 1)
    assert (tmp_path / "q").stat().st_mode & 0o777 == 0o700
    with pytest.raises(SpecError, match="another"):
        Queue(tmp_path / "q", "a", 1, 1, 1)
    queue.close()
    Queue(tmp_path / "q", "a", 1, 1, 1).close()


def test_waits_double_up_to_five_minutes() -> None:
    state, waits = State("d"), []
    for _ in range(12):
        state = backed_off(state)
        waits.append(round(state.later - time.time()))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_names_are_taken_out_of_reasons() -> None:
    text = "series 'Doe, Jane t1' of PID-4711 (1.2.3): a gap"
    assert (
        scrubbed(text, ["Doe^Jane^^Dr", "PID-4711"]) == "series '..., ... t1' of ... (1.2.3): a gap"
    )


@pytest.mark.parametrize("text", ["A", "A@h", "A@h:0", "A@:5", "@h:5", "A" * 17 + "@h:5", "A@h:x"])
def test_what_is_no_node_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        Node.parse(text)


def test_a_node_and_a_title_are_read(tmp_path: Path) -> None:
    assert Node.parse("ORTHANC@[::1]:4242") == Node("ORTHANC", "::1", 4242)
    assert title(" PACS 1 ") == "PACS 1"
    with pytest.raises(DataError, match="cannot be reached"):
        Node("A", "127.0.0.1", free_port()).send(files(tmp_path / "a"), "B")


def test_other_weights_or_exports_answer_anew(run: Path, tmp_path: Path) -> None:
    other = volume_run(tmp_path / "other", seed=1)
    every = [Answers.of(run), Answers.of(other), Answers.of(run, ["rtstruct"])]
    assert len({one.digest for one in every}) == 3
    with pytest.raises(SpecError, match="dicom-seg, dicom-labelmap, rtstruct"):
        Answers.of(run, ["nifti"])


def test_serve_without_anybody_who_may_send_is_one_line_and_2(run: Path, tmp_path: Path) -> None:
    words = ["serve", str(run), "--dimse", "0", "--queue", str(tmp_path / "q")]
    words += ["--send-to", "A@127.0.0.1:4", "--allow", "not a title of sixteen"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "expected a title" in result.output


def test_a_port_that_is_taken_is_told(run: Path, archive: Receiver, tmp_path: Path) -> None:
    words = ["serve", str(run), "--dimse", str(archive.port), "--queue", str(tmp_path / "q")]
    result = CliRunner().invoke(app, [*words, "--send-to", "A@127.0.0.1:4", "--allow", "B"])
    assert result.exit_code == 2
    assert f"cannot listen at 127.0.0.1:{archive.port}" in result.output


@pytest.mark.slow
def test_the_command_answers_after_it_was_killed(
    run: Path, archive: Receiver, tmp_path: Path
) -> None:
    port, sent = free_port(), files(tmp_path / "a")
    command = [sys.executable, "-c", "from inklings.cli import run; run()", "serve", str(run)]
    command += ["--dimse", str(port), "--queue", str(tmp_path / "q"), "--allow", SENDER]
    command += ["--send-to", f"ARCHIVE@127.0.0.1:{archive.port}", "--stable-s", "1"]
    for killed in (True, False):
        with (tmp_path / "said").open("ab") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            if killed:  # as soon as it has taken everything, before it can have answered
                until(lambda: send(port, sent) == [0] * 6, 200)
            else:
                until(lambda: bool(archive.files), 200)
        finally:
            process.kill()
            process.wait()
        assert len(archive.files) == (0 if killed else 1)
    says_no_name(tmp_path / "q", (tmp_path / "said").read_text())


@pytest.mark.slow
def test_killed_at_twenty_moments_every_study_is_answered_once(run: Path, tmp_path: Path) -> None:
    """The process gets SIGKILL; senders try again until each image was taken."""
    rng, port, root = random.Random(0), free_port(), tmp_path / "q"
    studies = [files(tmp_path / f"{k}", f"1.2.{k + 10}") for k in range(10)]
    kills = 0
    with receiver() as kept:
        mortal = Mortal(run, root, kept.port, port)
        waiting = list(range(10))
        end = time.monotonic() + 400
        log = root / "log.jsonl"
        due = time.monotonic() + rng.uniform(0.05, 2.0)
        while kills < 20 or waiting or not log.is_file() or len(log.read_text().splitlines()) < 10:
            assert time.monotonic() < end
            if kills < 20 and time.monotonic() > due:
                mortal.kill()
                kills += 1
                mortal = Mortal(run, root, kept.port, port)
                due = time.monotonic() + rng.uniform(0.05, 2.0)
            if waiting and send(port, studies[waiting[0]]) == [0] * 6:
                waiting.pop(0)
            time.sleep(0.02)
        time.sleep(10 * STABLE_S)  # nothing more comes
        mortal.kill()
    found = sorted(one.StudyInstanceUID for one in kept.of("SEG"))
    assert found == sorted(f"1.2.{k + 10}" for k in range(10))
    assert len(log.read_text().splitlines()) == 10
