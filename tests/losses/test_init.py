import pytest

from inklings.losses import LOSSES

OPTIONS = {
    "nnpu": {"prior": 0.1},
    "upu": {"prior": 0.1},
    "pnu": {"prior": 0.1},
    "weighted": {"parts": {"bce": 1}},
}


@pytest.mark.parametrize("name", list(LOSSES))
def test_every_registered_loss_can_be_built_by_name(name):
    loss = LOSSES.build(name, OPTIONS.get(name, {}))
    assert loss.exclusive is (name == "cross_entropy")
    reads = {"nnpu", "upu", "vpu", "pnu", "centre_point"}  # heat is learnt outside of objects, too
    assert loss.reads_unlabelled is (name in reads)
