"""Many small networks of one shape that look at the same bags, at the cost of few."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from inklings.models.base import BagNetwork, Model
from inklings.tensors import Output

_DOT = "|"  # names of parameters may not hold a dot


class Ensemble(BagNetwork):
    """Members with weights of their own, as one network whose channels are theirs.

    A small network costs more to call than to compute. Here the weights of all members lie in one
    tensor each and a layer is called once for all of them. Nothing is shared: a member whose
    answers are not looked at (`Batch.known`) does not learn, and dropout is drawn for each.

    Args:
        members: At least one; of one shape, without statistics over a batch.
    """

    def __init__(self, members: Sequence[Model]) -> None:
        super().__init__()
        weights, buffers = stack_module_state(list(members))
        self.weights = nn.ParameterDict({k.replace(".", _DOT): v for k, v in weights.items()})
        for name, value in buffers.items():
            self.register_buffer(f"state{_DOT}{name.replace('.', _DOT)}", value)
        self._shape = [copy.deepcopy(members[0])]  # in a list, so that it is not one of our parts
        self._states = tuple(buffers)

    def answer_instances(self, wanted: bool) -> None:
        """Whether the members answer for instances while they learn; nobody is told."""
        shape = self._shape[0]
        if isinstance(shape, BagNetwork):
            shape.answer_instances(wanted)

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:
        """``(M, *shape)`` to logits ``(B, members * K)``, member by member."""
        shape = self._shape[0].train(self.training)
        weights = {name.replace(_DOT, "."): value for name, value in self.weights.items()}

        def one(weights: dict[str, Tensor], states: dict[str, Tensor]) -> tuple[Tensor, ...]:
            said: Output = functional_call(shape, (weights, states), (inputs, valid))
            return (said.logits,) if said.second is None else (said.logits, said.second)

        said = vmap(one, randomness="different")(weights, self._state())
        logits, *second = (values.transpose(0, 1).flatten(1) for values in said)
        return Output(logits, second=second[0] if second else None)

    def apart(self) -> list[Model]:
        """The members as networks of their own, in evaluation mode."""
        stacked = {name.replace(_DOT, "."): value for name, value in self.weights.items()}
        stacked |= self._state()
        found = []
        for k in range(len(next(iter(stacked.values())))):
            member = copy.deepcopy(self._shape[0])
            member.load_state_dict({name: value[k].detach() for name, value in stacked.items()})
            found.append(member.eval())
        return found

    def _state(self) -> dict[str, Tensor]:
        return {
            name: self.get_buffer(f"state{_DOT}{name.replace('.', _DOT)}") for name in self._states
        }


def may_stack(network: nn.Module) -> bool:
    """Whether networks like this one can be members, which have no statistics over a batch."""
    over_batch = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())
    return isinstance(network, BagNetwork) and network.stackable and not over_batch
