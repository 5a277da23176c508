"""Many small networks of one shape that look at the same bags, at the cost of few."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from inklings.tensors import Output

_DOT = "|"  # names of parameters may not hold a dot


class Ensemble(nn.Module):
    """Members with weights of their own, as one network whose channels are theirs.

    A small network costs more to call than to compute. Here the weights of all members lie in one
    tensor each and a layer is called once for all of them. Nothing is shared: a member whose
    answers are not looked at (`Batch.known`) does not learn, and dropout is drawn for each.

    Args:
        members: At least one; of one shape, without statistics over a batch.
    """

    takes_bags = True
    divisor = 1

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        weights, buffers = stack_module_state(list(members))
        self.weights = nn.ParameterDict({k.replace(".", _DOT): v for k, v in weights.items()})
        for name, value in buffers.items():
            self.register_buffer(f"state{_DOT}{name.replace('.', _DOT)}", value)
        self._shape = [copy.deepcopy(members[0])]  # in a list, so that it is not one of our parts
        self._states = tuple(buffers)

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

    def apart(self) -> list[nn.Module]:
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


def may_sit(network: nn.Module) -> bool:
    """Whether networks like this one can be members.

    Not those that are several themselves, with statistics over a batch, in chunks, with attention
    between instances (slow in stacks), or with classifiers of instances, which the loss must see.
    """
    over_batch = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())
    alone = getattr(network, "evidence", "") != "context" and not getattr(network, "others", ())
    clusters = any(name.endswith("clusters") for name, _ in network.named_modules())
    return alone and not over_batch and not clusters and getattr(network, "chunk", None) is None
