import numpy as np
import pytest
import torch

from inklings.errors import SpecError
from inklings.training import SCHEDULES
from inklings.training.schedules import Cosine, OneCycle, Poly, ReduceOnPlateau, Step


def test_one_cycle_is_torchs_one_cycle() -> None:
    steps, highest = 200, 4e-3
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([parameter], highest)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimiser, highest, total_steps=steps)
    ours = OneCycle(warm=(0.3 * steps - 1) / (steps - 1))  # torch's peak is at step 0.3 n - 1
    for step in range(steps):
        progress = step / (steps - 1)
        group = optimiser.param_groups[0]
        assert highest * ours.factor(progress) == pytest.approx(group["lr"], abs=1e-7)
        assert ours.momentum(progress) == pytest.approx(group["betas"][0], abs=1e-6)
        optimiser.step()
        theirs.step()


def test_hand_worked_factors() -> None:
    assert Cosine().factor(0.5) == pytest.approx(0.5)
    assert Cosine(warm=0.2).factor(0.1) == pytest.approx(0.5)
    assert Poly(power=2).factor(0.5) == pytest.approx(0.25)
    stairs = [Step(every=0.2).factor(p) for p in (0, 0.19, 0.2, 0.5, 1.0)]
    assert stairs == pytest.approx([1, 1, 0.1, 0.01, 1e-4])


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_factors_stay_between_zero_and_one_for_the_whole_run(name: str) -> None:
    schedule = SCHEDULES.build(name, {})
    factors = [schedule.factor(i / 100) for i in range(101)]
    assert min(factors) >= 0
    assert max(factors) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_the_rate_falls_on_a_plateau_as_torchs_does(seed: int) -> None:
    merits = np.random.default_rng(seed).integers(0, 12, 60).astype(float)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, "max", factor=0.5, patience=3, threshold=0, min_lr=0.1
    )
    ours = ReduceOnPlateau(factor_each=0.5, patience=3, least=0.1)
    for number, merit in enumerate(merits):
        ours.told(merit)
        theirs.step(merit)
        assert ours.factor(0.3) == pytest.approx(max(optimiser.param_groups[0]["lr"], 0.1))
        if number == 20:
            again = ReduceOnPlateau(factor_each=0.5, patience=3, least=0.1)
            again.restore(ours.state)
            ours = again
    assert ours.state["drops"] > 2


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(SpecError, match="expected warm in"):
        OneCycle(warm=1.0)
    with pytest.raises(SpecError, match="expected every in"):
        Step(every=0)
    with pytest.raises(SpecError, match="expected factor_each in"):
        ReduceOnPlateau(factor_each=1)
