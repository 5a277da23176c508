"""A promise is of some weights and settings, and nothing else bears it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inklings.errors import DataError, SpecError
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.guarantee import (
    FILE,
    Guarantee,
    fingerprint,
    guaranteed,
    of_head,
    promised,
    read,
    with_promises,
    write,
)
from inklings.predictions.head import Head, Provenance

HEAD = Head(("a", "b"), (0.5, 0.5), Provenance("run", "w", None, "0"), (), {"mirroring": False})


def a_promise(label: str = "a", threshold: float = 0.2, risk: str = "fnr") -> Guarantee:
    return Guarantee(
        risk, "dense", label, 0.1, 0.9, threshold, ("p", "q"), None, 0.05, 0.2, 0.1, (0.5, 0.6),
        "c", "val", None, "w", fingerprint(HEAD), "0",
    )  # fmt: skip


def test_promises_come_back_and_a_new_one_takes_the_place_of_its_kind(tmp_path: Path) -> None:
    assert read(tmp_path) == ()
    write(tmp_path, [a_promise("a", 0.2), a_promise("b", 0.3)])
    write(tmp_path, [a_promise("a", 0.4), a_promise("a", 0.1, "missed")])
    found = {(one.risk, one.label): one.threshold for one in read(tmp_path)}
    assert found == {("fnr", "a"): 0.4, ("fnr", "b"): 0.3, ("missed", "a"): 0.1}


@pytest.mark.parametrize("text", ["[", "[{}]", '{"risk": 1}'])
def test_a_damaged_file_is_no_promise(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(DataError, match=FILE):
        read(tmp_path)


def test_other_weights_or_settings_bear_no_promise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, [a_promise()])
    assert of_head(promised(HEAD, tmp_path)) == (a_promise(),)
    assert of_head(promised(replace(HEAD, thresholds=(0.3, 0.5)), tmp_path)) == (a_promise(),)
    assert capsys.readouterr().err == ""
    other = replace(HEAD, provenance=Provenance("run", "v", None, "0"))
    for head in (other, replace(HEAD, settings={"mirroring": True})):
        assert of_head(promised(head, tmp_path)) == ()
        assert "1 promises are of other weights or settings" in capsys.readouterr().err


def test_thresholds_count_where_they_decide_what_is_kept() -> None:
    for key in ("largest", "refine"):
        one = replace(HEAD, settings={key: ["a"]})
        assert fingerprint(one) != fingerprint(replace(one, thresholds=(0.4, 0.5)))


def test_the_guaranteed_mask_holds_the_best_one_and_both_promises() -> None:
    several = [a_promise("a", 0.3), a_promise("a", 0.2, "missed"), a_promise("b", 0.7)]
    head = guaranteed(with_promises(HEAD, several))
    assert head.thresholds == (0.2, 0.5)
    dense = np.arange(256, dtype=np.uint8).reshape(1, 16, 16).repeat(2, 0)
    one = DensePrediction("c", Path("x"), dense)
    assert one.mask(head, 0).sum() == 256 - 51
    assert (one.mask(head, 1) == one.mask(HEAD, 1)).all()
    with pytest.raises(SpecError, match="calibrate RUN COHORT"):
        guaranteed(HEAD)


def test_a_promise_made_later_goes_into_the_folder_of_before(tmp_path: Path) -> None:
    PredictionFolder.claim(tmp_path, HEAD)
    DensePrediction("c", Path("x"), np.zeros((2, 4, 4), np.uint8)).write(tmp_path)
    for promises in ((a_promise(),), (), (a_promise("b"),)):
        PredictionFolder.claim(tmp_path, with_promises(HEAD, promises))
        assert of_head(Head.read(tmp_path)) == promises
