from typing import Any

import pytest

from inklings.errors import SpecError
from inklings.spec import Experiment
from inklings.tasks import task_of

GOOD: dict[str, Any] = {
    "cohort": "nowhere",
    "model": {"name": "unet", "width": 8},
    "loss": "bce",
    "training": {"steps": 1},
}


def experiment(**changes: Any) -> Experiment:
    return Experiment.check({**GOOD, **changes}, "test")


def require_known(spec: Experiment) -> None:
    task_of(spec).check(spec)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"name": "unet", "widht": 8}}, "model 'unet'.*'widht'"),
        ({"loss": "bcee"}, "no loss named 'bcee'; did you mean 'bce'"),
        ({"loss": "nnpu"}, "loss 'nnpu'.*'prior'"),
        ({"sampling": {"augment": [{"name": "affine", "degrees": 3}]}}, "affine.*'degrees'"),
        ({"sampling": {"augment": ["affine3d"]}}, "'affine3d': expected one for pictures"),
        (
            {"sampling": {"augment": ["stain_jitter"]}, "volumes": "3d"},
            "'stain_jitter': expected one for patches, got one for pictures",
        ),
        ({"training": {"steps": 1, "optimiser": {"name": "adamw", "decay": 1}}}, "'decay'"),
        ({"training": {"steps": 1, "batch_size": 10**12}}, "expected batches that fit into"),
        ({"volumes": {"view": "3d", "patch": [10**4] * 3}}, "expected batches that fit into"),
        ({"correction": "magic"}, "no correction named 'magic'"),
        ({"inference": {"instances": "watershd"}}, "did you mean 'watershed'"),
    ],
)
def test_wrong_name_or_option_is_named_before_data_are_opened(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        require_known(experiment(**changes))
