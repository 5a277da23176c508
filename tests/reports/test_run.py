import base64
import csv
import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from inklings.errors import DataError
from inklings.evaluation.changes import number
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.evaluation.scores import Scores
from inklings.files import write_json
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.guarantee import Guarantee, with_promises
from inklings.predictions.head import Head
from inklings.predictions.likeness_table import TABLE
from inklings.reports.material import latest
from inklings.reports.run import run_report
from inklings.testing.folders import write_cohort, write_predictions, write_run

_VOID = {"meta", "br", "input", "image", "path", "rect", "use", "link", "img"}


class Page(HTMLParser):
    """Notes what a page fetches, and whether its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {"src", "href", "xlink:href"}
        self.fetched += [v for k, v in attrs if k in names and v and v[0] != "#"]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag


def written(folder: Path) -> tuple[Path, Path, Path]:
    cohort = write_cohort(folder / "cohort")
    predictions = write_predictions(folder / "predictions", cohort, shift=2)
    return write_run(folder / "nuclei-run", cohort, predictions), predictions, cohort


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    return written(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Path]:
    run, predictions, cohort = written(tmp_path_factory.mktemp("report"))
    return run_report(run).read_text(), predictions, cohort


def test_report_is_one_file_that_fetches_nothing(finished: tuple[str, Path, Path]) -> None:
    text = finished[0]
    page = Page(text)
    assert page.open == []
    assert page.fetched
    assert all(address.startswith(("data:image/", "data:text/csv;")) for address in page.fetched)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_every_figure_has_its_numbers_in_the_page_and_beside_it(tmp_path: Path) -> None:
    run, predictions, _ = written(tmp_path)
    text = run_report(run).read_text()
    linked = {
        name: base64.b64decode(data).decode()
        for name, data in re.findall(r'download="(.+?)\.csv" href="data:text/csv.*?,(.*?)"', text)
    }
    assert text.count('class="figure"') == len(linked)
    beside = {path.stem: path.read_text() for path in (run / "report-numbers").iterdir()}
    assert linked == beside
    rows = list(csv.DictReader(io.StringIO(linked["cases"])))
    dice = {row["case"]: float(row["Dice of single cases"]) for row in rows}
    assert dice == pytest.approx(
        {line["case"]: line["dice"] for line in Scores.read(predictions).cases}, abs=1e-5
    )


def test_headline_is_the_evaluation_with_its_interval(finished: tuple[str, Path, Path]) -> None:
    text, predictions, cohort = finished
    row = evaluate(predictions, cohort)["dice"]
    assert f"<b>{number(row.value)}</b>" in text
    assert f"[{number(row.low)}, {number(row.high)}]" in text
    assert (predictions / "evaluation.json").is_file()


def test_every_section_is_there(finished: tuple[str, Path, Path]) -> None:
    text = finished[0]
    for name in ("results", "cases", "cohort", "labels", "training", "origin"):
        assert f'<section id="{name}">' in text
    assert "1 min 14 s" in text
    assert text.count('<path class="contour truth"') == 3
    assert text.count('<path class="contour label"') == 2


@pytest.mark.parametrize(
    ("threshold", "said"),
    [("0.5", "as the experiment says"), ("prior", "chosen without these cases")],
)
def test_a_threshold_that_was_given_is_not_said_to_be_chosen(
    tmp_path: Path, threshold: str, said: str
) -> None:
    run, _, _ = written(tmp_path)
    path = run / "experiment.yaml"
    kept = yaml.safe_load(path.read_text())
    kept["inference"] = {"threshold": yaml.safe_load(threshold)}
    path.write_text(yaml.safe_dump(kept))
    assert re.search(rf"thresholds [\d., ]+, {said}", run_report(run).read_text())


def test_images_unlike_the_training_are_listed_the_farthest_first_and_noted(
    folders: tuple[Path, Path, Path],
) -> None:
    run, predictions, _ = folders
    assert '<section id="likeness">' not in run_report(run).read_text()
    first, second, *_ = PredictionFolder.open(predictions).cases
    lines = [f"{first},3.2,40,41,yes,grain 1", f"{second},9.5,41,41,yes,<network>"]
    table = "\n".join(["case,distance,nearer,of,unlike,by", *lines, "z,0.1,9,41,no,network", ""])
    (predictions / TABLE).write_text(table, encoding="utf-8")
    text = run_report(run).read_text()
    said = f"2 of 3 images are unlike the training images: {second}, {first} (see likeness.csv"
    assert said in text
    assert re.findall(r'right value">(\d\.\d)</td><td class="right">\d+ of 41</td>', text) == [
        "9.5",
        "3.2",
    ]
    assert "&lt;network&gt;" in text
    assert text.count("unlike the training ·") == 2


def test_the_band_of_a_guaranteed_mask_is_drawn_and_its_promise_said(
    folders: tuple[Path, Path, Path],
) -> None:
    run, predictions, _ = folders
    assert "contour guaranteed" not in run_report(run).read_text().partition("<body")[2]
    promise = Guarantee(
        "fnr", "dense", "nucleus", 0.1, 0.9, 0.1, ("p",), None, 0.05, 0.3, 0.2, (), "c", "val",
        None, "0" * 64, "", "0",
    )  # fmt: skip
    with_promises(Head.read(predictions), [promise]).write(predictions)
    text = run_report(run).read_text()
    assert text.count('<path class="contour guaranteed" d="M') == 3
    assert "Missed share of nucleus: at most 0.1 with 90 % confidence, from 0.1 on" in text


def test_scores_of_groups_are_shown(folders: tuple[Path, Path, Path]) -> None:
    run, predictions, cohort = folders
    assert "<h3>Groups</h3>" not in run_report(run).read_text()
    evaluate(predictions, cohort, Settings(by=("modality",))).write(predictions)
    assert "<h3>Groups</h3>" in run_report(run).read_text()


def test_what_the_run_says_is_escaped(finished: tuple[str, Path, Path]) -> None:
    assert "a warning &lt;of&gt; the run" in finished[0]


def test_what_the_correction_found_is_shown(folders: tuple[Path, Path, Path]) -> None:
    evidence = {
        "group": "grey",
        "images": 2,
        "source": "contrast",
        "action": "shrunk",
        "reason": "Snapped outlines hold half the area.",
        "measures": {"area_ratio": 0.52},
    }
    write_json(folders[0] / "correction.json", {"evidence": [evidence], "prior": 0.139})
    text = run_report(folders[0]).read_text()
    assert "Snapped outlines hold half the area." in text
    assert "area ratio 0.520" in text


def test_what_the_teacher_kept_is_shown(folders: tuple[Path, Path, Path]) -> None:
    lesson = {"name": "tumour", "chance": 0.3, "positive": 0.25, "negative": 0.635}
    write_json(folders[0] / "teacher.json", {"forest": {"tumour": 0.202}, "lessons": [lesson]})
    text = run_report(folders[0]).read_text()
    row = text[text.index("How the labels were refined") :]
    assert all(share in row for share in ("20.2%", "25.0%", "63.5%", "11.5%"))


def test_quality_of_weak_labels_is_pooled_and_shown(folders: tuple[Path, Path, Path]) -> None:
    (folders[2] / "label_quality.csv").write_text(
        "case,split,dice,iou,precision,recall,right,wrong,missed,known\n"
        "case0,train,0.5,0.3333,0.5,0.5,10,10,10,1\n"
        "case1,train,1,1,1,1,70,0,0,1\n"
    )
    text = run_report(folders[0]).read_text()
    assert '<td class="right value">0.750</td><td class="right">0.889</td>' in text
    assert "label Dice 0.500" in text


def test_a_run_without_predictions_says_how_to_get_them(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort")
    text = run_report(write_run(tmp_path / "run", cohort)).read_text()
    assert "inklings predict" in text
    assert 'id="results"' not in text


def test_a_cohort_that_is_gone_is_a_gap_and_no_error(folders: tuple[Path, Path, Path]) -> None:
    (folders[2] / "cohort.yaml").unlink()
    text = run_report(folders[0]).read_text()
    assert "The cohort cannot be shown" in text
    assert '<section id="training">' in text


def test_a_folder_that_is_no_run_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a run folder"):
        run_report(tmp_path)


def test_predictions_of_the_cohort_go_before_those_of_other_images(
    folders: tuple[Path, Path, Path],
) -> None:
    run, predictions, _ = folders
    other = run.parent / "other"
    shutil.copytree(predictions, other)
    for path in (other / "cases").iterdir():
        path.rename(path.with_name(f"foreign-{path.name}"))
    write_json(run / "outputs.json", {"predictions": [str(predictions), str(other)]})
    assert latest(run) == predictions


def test_predictions_made_since_are_evaluated_again(folders: tuple[Path, Path, Path]) -> None:
    run, predictions, cohort = folders
    run_report(run)
    before = Scores.read(predictions)["dice"].value
    write_predictions(predictions, cohort, shift=0)
    run_report(run)
    assert Scores.read(predictions)["dice"].value > before
