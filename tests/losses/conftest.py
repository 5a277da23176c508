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


class Censored:
    """Many samples, of which a share of the positives is labelled at random.

    The score is informative: N(1, 1) for positives, N(-1, 1) for negatives.
    """

    def __init__(self, prior: float, kept: float, count: int = 400_000) -> None:
        random = torch.Generator().manual_seed(0)
        self.truth = torch.rand(1, 1, 1, count, generator=random) < prior
        noise = torch.randn(1, 1, 1, count, generator=random)
        self.output = Output(noise + 2 * self.truth - 1)
        labelled = self.truth & (torch.rand(1, 1, 1, count, generator=random) < kept)
        self.batch = Batch(noise, labelled.float(), labelled)

    def supervised(self, surrogate: str) -> float:
        """Risk under the true labels."""
        signed = torch.where(self.truth, self.output.logits, -self.output.logits)
        if surrogate == "sigmoid":
            return torch.sigmoid(-signed).mean().item()
        return torch.nn.functional.softplus(-signed).mean().item()


@pytest.fixture
def censored() -> type[Censored]:
    return Censored
