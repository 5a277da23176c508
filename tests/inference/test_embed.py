"""Tiles of slides into bags of features."""

import dataclasses
import socket
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import slides

from inklings.bags.answers import Ranks
from inklings.bags.places import places, slides_of
from inklings.cohorts.bags import spans
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.data.tile_index import TileIndex, read_tile
from inklings.data.tiling import Rule, cases_of, tile_cohort
from inklings.errors import ReaderError, SpecError
from inklings.evaluation.instance_truth import instance_truth
from inklings.inference.embed import Labels, embed
from inklings.inference.tile_encoder import PIXELS, Encoder
from inklings.readers.bag_files import Span, read, read_coords

ENCODER = Encoder("resnet10t", None, batch=7)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    cases = [slides.write(folder, name, slides.blobs((500, 600), k)) for k, name in enumerate("ab")]
    slides.cohort(folder / "cohort", cases)
    tile_cohort(folder / "cohort", folder / "tiles", Rule(size=64))
    return folder / "tiles"


def test_features_are_half_precision_placed_and_a_cohort(index: Path, tmp_path: Path) -> None:
    summary = embed(index, tmp_path / "bags", ENCODER)
    assert (summary.finished, summary.failed) == (2, {})
    cohort, tiles = Cohort.read(tmp_path / "bags"), TileIndex.read(index)
    for case in cohort:
        own = tiles.of(case.id)
        path = tmp_path / "bags" / "features" / f"{case.id}.h5"
        with h5py.File(path) as file:
            assert file["features"].dtype == np.float16
            assert file["features"].shape == (len(own), 512)
            assert np.isfinite(file["features"][:]).all()
            assert file.attrs["encoder"] == "resnet10t"
        coords = read_coords(Span(path, 0, len(own)))
        assert coords is not None
        assert (coords == np.stack([own.y, own.x], 1) * (tiles.head.factor or 1)).all()
        assert sum(map(len, spans(case))) == len(own)
        lies = places(case, slides_of(cohort, tmp_path / "bags"))
        assert lies is not None
        assert [slide.id for slide in lies.slides] == [f"slide+{case.id}"]
        factor = lies.boxes[0, 2] / 64
        assert factor == pytest.approx(tiles.head.factor or 1)
        assert np.allclose(lies.boxes[:, :2], np.stack([own.y, own.x], 1) * factor)


def test_pixels_stay_as_they_are_so_that_a_network_learns_end_to_end(
    index: Path, tmp_path: Path
) -> None:
    embed(index, tmp_path / "bags", Encoder(PIXELS, batch=7))
    case = next(iter(Cohort.read(tmp_path / "bags")))
    tiles = TileIndex.read(index)
    with open_case(cases_of(tiles.head.cohort)[case.id], tiles.head.image) as slide:
        own = tiles.of(case.id)
        first = read_tile(tiles.head.view(slide), own.region(0))
    (span,) = spans(case)
    values = read(span)
    assert values.dtype == np.uint8
    assert values.shape == (len(own), 3, 64, 64)
    assert (values[0] == first).all()


def test_a_second_run_does_what_is_left_and_batches_do_not_matter(
    index: Path, tmp_path: Path
) -> None:
    embed(index, tmp_path / "bags", ENCODER)
    path = tmp_path / "bags" / "features" / "a.h5"
    with h5py.File(path) as file:
        before = file["features"][:]
    path.unlink()
    again = embed(index, tmp_path / "bags", Encoder("resnet10t", None, batch=64))
    assert (again.finished, again.skipped) == (1, 1)
    with h5py.File(path) as file:
        assert np.allclose(file["features"][:], before, atol=2e-2)


def test_features_of_two_encoders_do_not_mix(index: Path, tmp_path: Path) -> None:
    embed(index, tmp_path / "bags", ENCODER)
    with pytest.raises(SpecError, match="holds features made with encoder resnet10t"):
        embed(index, tmp_path / "bags", Encoder("resnet18", None))


def test_labels_come_from_a_fact_and_truth_of_tiles_lies_apart(index: Path, tmp_path: Path) -> None:
    head = TileIndex.read(index).head
    source = Cohort.read(head.cohort)
    assert not any(case.facts.get("grade") for case in source)
    with pytest.raises(SpecError, match=r"fact 'grade' .* the cases have"):
        embed(index, tmp_path / "bags", ENCODER, Labels("grade"))
    assert not (tmp_path / "bags").exists()  # said before anything is encoded
    embed(index, tmp_path / "other", ENCODER)
    truth = instance_truth(tmp_path / "other")
    for name, labels in truth.items():
        own = TileIndex.read(index).of(name)
        assert ((labels > 0) == (own.labels.max(1) > 0)).all()


def test_facts_are_grades_in_their_order_and_a_missing_one_is_no_class(
    index: Path, tmp_path: Path
) -> None:
    folder = TileIndex.read(index).head.cohort
    source = Cohort.read(folder)
    try:
        grades = dict(zip((case.id for case in source), ("high", "low"), strict=False))
        with_grades = [
            dataclasses.replace(c, facts={**c.facts, "risk": grades.get(c.id, "NA")})
            for c in source
        ]
        dataclasses.replace(source, cases=tuple(with_grades)).write(folder)
        embed(index, tmp_path / "bags", ENCODER, Labels("risk", Ranks(ordered=True)))
        cohort = Cohort.read(tmp_path / "bags")
        assert cohort.classes == ("risk low", "risk high")
        assert cohort.facts["task"] == "ordinal"
        embed(index, tmp_path / "bags", ENCODER, Labels("risk", Ranks(order=("high", "low"))))
        assert Cohort.read(tmp_path / "bags").classes == ("risk high", "risk low")
    finally:
        source.write(folder)


def test_an_encoder_that_cannot_be_had_is_said_once_and_before_the_first_slide(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a hub that takes calls and never answers, as behind a wall."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.listen(64)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        for variable in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(variable, raising=False)
        begun = time.monotonic()
        with pytest.raises(ReaderError, match="neither in the cache nor to be downloaded"):
            embed(index, tmp_path / "bags", Encoder("uni"))
    assert time.monotonic() - begun < 20
    assert not list(tmp_path.rglob("*.h5"))
    assert not list(tmp_path.rglob("failed.json"))
