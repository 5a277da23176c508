import pytest
from torch import nn

from inklings.errors import SpecError
from inklings.losses.bce import BCE
from inklings.losses.cross_entropy import CrossEntropy
from inklings.losses.gce import GCE
from inklings.tensors import Output
from inklings.testing.contracts import LossContract, example


class TestGCE(LossContract):
    def build(self) -> nn.Module:
        return GCE()


class TestExclusiveGCE(LossContract):
    def build(self) -> nn.Module:
        return GCE(exclusive=True)


def test_hand_worked_value(row):
    expected = ((1 - 0.8**0.7) / 0.7 + (1 - 0.6**0.7) / 0.7) / 2
    loss = GCE()(row.probabilities(0.8, 0.4), row.batch([1, 0]))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_q_of_1_is_the_absolute_error(row):
    loss = GCE(q=1)(row.probabilities(0.8, 0.4), row.batch([1, 0]))
    assert loss.item() == pytest.approx((0.2 + 0.4) / 2, rel=1e-5)


def test_a_tiny_q_is_cross_entropy():
    for loss, limit in ((GCE(q=1e-5), BCE()), (GCE(q=1e-5, exclusive=True), CrossEntropy())):
        logits, batch = example(loss)
        expected = limit(Output(logits), batch).item()
        assert loss(Output(logits), batch).item() == pytest.approx(expected, rel=1e-3)


def test_a_wrong_label_pulls_less_than_in_cross_entropy(row):
    pulls = {}
    for name, loss in {"gce": GCE(), "bce": BCE()}.items():
        output = row.logits(-6.0)
        loss(output, row.batch([1])).backward()
        pulls[name] = output.logits.grad.abs().item()
    assert pulls["gce"] < 0.02 * pulls["bce"]


@pytest.mark.parametrize("q", [0, 1.5])
def test_refuses_an_impossible_q(q):
    with pytest.raises(SpecError, match="0 < q <= 1"):
        GCE(q)
