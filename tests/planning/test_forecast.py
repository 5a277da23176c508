"""What is forecast, and what becomes of plans that do not fit; costs are worked out by hand."""

import dataclasses
import math
from pathlib import Path

import pytest
from tests.planning.conftest import Writer
from tests.planning.test_planned import tissue

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.planning.budget import Budget
from inklings.planning.forecast import TOO_LARGE, Measured
from inklings.planning.plan import Plan
from inklings.planning.planned import plan_cohort
from inklings.spec import Experiment

GB = 2**30


@dataclasses.dataclass
class Machine:
    """One whose steps take so long and that holds so many samples; keeps what it was asked."""

    step: float = 0.1
    each: int = 0
    most: float = math.inf
    decoded: float = GB / 10
    room: int = 8 * GB
    seen: list[Experiment] = dataclasses.field(default_factory=list)

    def __call__(self, experiment: Experiment, cohort: Cohort) -> Measured:
        assert cohort.is_split
        self.seen.append(experiment)
        batch = experiment.training.batch_size
        if batch > self.most:
            return TOO_LARGE
        memory = GB + batch * self.each
        return Measured(2.0, self.decoded, self.room, self.step, memory, GB // 4, 3.0)


def planned(cohort: Path, budget: Budget, machine: Machine, *changes: str) -> Plan:
    plan = plan_cohort(cohort, budget, changes=changes, rehearse=machine)
    assert machine.seen[-1] == plan.experiment
    return plan


def test_time_memory_disk_and_prediction_are_forecast(
    writer: Writer, core: Budget, capsys: pytest.CaptureFixture[str]
) -> None:
    cohort = writer.pictures(tissue)
    changes = ("model.width=16", "model.stride=1")  # 8 x 128 x 128 samples: 0.16 s assumed
    said = "\n".join(planned(cohort, core, Machine(step=0.15), *changes).head)
    # 300 s of .15 s; 9 + 2 cases of 2 s, of .1 GB decoded; 3 s of network and 2 of reading.
    assert "Training: about 2,000 steps of 0.15 s in 5 minutes, after 22 s of reading" in said
    assert "Memory: 1 GB beside the images, of 8 GB; images 1.1 GB decoded" in said
    assert "Disk: 0.25 GB for the run" in said
    assert "Prediction: 5 s a case" in said
    assert "mapped" not in said
    assert "running a few steps" in capsys.readouterr().err  # some time without a word else


def test_images_beyond_the_memory_are_said_to_be_mapped_and_to_take_disk(
    writer: Writer, core: Budget
) -> None:
    asked = dataclasses.replace(core, memory=2 * GB, stated=True)
    machine = Machine(decoded=GB, room=6 * GB)  # 11 GB, of which 6 stay
    said = "\n".join(planned(writer.pictures(tissue), asked, machine).head)
    assert "images 11 GB decoded, 5 GB of them mapped from disk" in said
    assert "Disk: 5.2 GB for the run" in said
    assert "With INKLINGS_MEMORY_GB=1 the images stay within" in said


@pytest.mark.parametrize("faster", [1.0, 1.3, 0.2, 20.0])
def test_a_machine_that_is_not_as_assumed_gets_another_network(
    faster: float, writer: Writer, core: Budget
) -> None:
    cohort = writer.pictures(tissue)
    record = plan_cohort(cohort, core).record
    model, side = record["model"], record["sampling"]["size"]
    assumed = 300 / core.steps(8 * side**2, model["width"], model["stride"])
    machine = Machine(step=assumed / faster)
    plan = planned(cohort, core, machine)
    expected = plan_cohort(cohort, dataclasses.replace(core, minutes=5 * faster)).record["model"]
    if not 1 / 1.5 < faster < 1.5:
        assert plan.record["model"] == expected
        assert plan.record["model"]["width"] != model["width"]
    else:
        assert plan.record["model"] == model
        assert len(machine.seen) == 1


@pytest.mark.parametrize("machine", [Machine(each=GB), Machine(most=2)])
def test_a_batch_that_does_not_fit_is_halved_and_gradients_are_accumulated(
    machine: Machine, writer: Writer, core: Budget
) -> None:
    budget = dataclasses.replace(core, memory=4 * GB)  # 1 GB and 1 GB a sample: two fit
    plan = planned(writer.pictures(tissue), budget, machine)
    training = plan.experiment.training
    assert (training.batch_size, training.accumulate) == (2, 4)
    assert "with 4 at once: halved, gradients are accumulated" in plan.text()


def test_what_fits_in_no_way_is_refused_in_one_line(writer: Writer, core: Budget) -> None:
    cohort = writer.pictures(tissue)
    with pytest.raises(SpecError, match=r"needs 9 GB, of 8 GB, with a batch of 1; take smaller"):
        planned(cohort, core, Machine(each=8 * GB))
    with pytest.raises(SpecError, match=r"expected [\d.]+ GB of disk for the run, got"):
        planned(cohort, core, Machine(decoded=1e6 * GB))


def test_a_rehearsal_that_fails_is_said_and_stops_no_plan(writer: Writer, core: Budget) -> None:
    def fails(*_: object) -> Measured:
        raise DataError("no such file")

    plan = plan_cohort(writer.pictures(tissue), core, rehearse=fails)
    assert "Not timed, so time and memory are guesses: no such file" in plan.head
    assert plan.choices == plan_cohort(Path(plan.record["cohort"]), core).choices


@pytest.mark.parametrize("change", ["training.batch_size=8", "training.accumulate=3"])
def test_a_batch_that_was_asked_for_is_not_halved_but_refused(
    change: str, writer: Writer, core: Budget
) -> None:
    with pytest.raises(SpecError, match="with a batch of 8, which was asked for"):
        planned(writer.pictures(tissue), core, Machine(most=2), change)
