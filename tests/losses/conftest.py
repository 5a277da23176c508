import pytest
import torch

from inklings.tensors import Batch, Output

pytest.register_assert_rewrite("inklings.testing.contracts")


class Row:
    """One image of one row of samples, so that sums can be worked by hand."""

    @staticmethod
    def probabilities(*given: float) -> Output:
        p = torch.tensor(given, dtype=torch.float64)
        return Output(torch.log(p / (1 - p)).float().reshape(1, 1, 1, -1))

    @staticmethod
    def logits(*given: float) -> Output:
        return Output(torch.tensor(given).reshape(1, 1, 1, -1).requires_grad_())

    @staticmethod
    def batch(values: list[float], known: list[int] | None = None) -> Batch:
        value = torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, -1)
        facts = torch.ones(len(values)) if known is None else torch.tensor(known)
        return Batch(torch.zeros_like(value), value, facts.bool().reshape(1, 1, 1, -1))


@pytest.fixture
def row() -> type[Row]:
    return Row
