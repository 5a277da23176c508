import json

import pytest

from inklings.benchmark.demo import run_demo
from inklings.benchmark.demo_nodules import nodules
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.spec import Experiment


def _recorder(out):
    """Stands for the commands: leaves what they would leave."""
    said = []

    def command(*words: object) -> None:
        said.append([str(word) for word in words])
        if words[0] == "import":
            path = out / "a.mhd"
            path.touch()
            Cohort("luna16", (Case("a", "a", {"ct": path}),), ("nodule",)).write(out / "cohort")
        if words[0] == "nodules":
            record = {
                "counts": {"objects": 3, "scans": 1},
                "cpm": {"value": 0.9, "low": 0.8, "high": 1.0},
                "sensitivities": [{"rate": 1.0, "value": 0.95, "low": 0.9, "high": 1.0}],
            }
            (out / "nodules").mkdir(parents=True, exist_ok=True)
            (out / "nodules" / "froc.json").write_text(json.dumps(record))
            account = {"luna16": {"losses": {"nodules": 3, "missed by segmentation": 1}}}
            (out / "nodules" / "error_analysis.json").write_text(json.dumps(account))

    return said, command


def test_the_demo_goes_from_scans_to_an_error_analysis_by_public_commands(tmp_path) -> None:
    said, command = _recorder(tmp_path)
    lines = list(run_demo(demo := nodules(scans=8, steps=4), tmp_path, command))
    assert [words[0] for words in said] == [
        "phantoms", "import", "split", "train", "train", "nodules", "nodules",
    ]  # fmt: skip
    assert "--tune-thresholds" in said[-2]
    assert "val" in said[-2]
    assert "--validation" in said[-1]
    assert any("CPM" in line and "0.900" in line for line in lines)
    for name in demo.experiments:
        Experiment.load(tmp_path / f"{name}.yaml")


def test_another_plan_is_not_mixed_in(tmp_path) -> None:
    _, command = _recorder(tmp_path)
    list(run_demo(nodules(scans=8, steps=4), tmp_path, command))
    with pytest.raises(DataError, match="another demo"):
        run_demo(nodules(scans=9, steps=4), tmp_path, command)
