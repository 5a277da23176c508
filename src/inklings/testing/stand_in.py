"""A stand-in for an accelerator: tensors on it are tensors of the processor that must not mix.

Whoever forgets to move something to the device of a model finds out on a GPU only. Here everything
that is asked onto the best device is marked, whatever is computed of it is marked, too, and an
operation of what is marked and what is not fails as it would there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
import torch
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from inklings.inference.device import best_device

_T = TypeVar("_T")
_KIND = "hpu"  # a kind that autocast knows, and that no machine of a test has
_HERE = torch.device("cpu")
_MAY_MIX = {
    "copy_",
    "_foreach_copy_",
    "__setitem__",
    "__set__",
    "_has_compatible_shallow_copy_type",
}
_LEAVE = {"numpy", "__array__", "__dlpack__"}
_LAYERS = {"conv1d", "conv2d", "conv3d", "linear"}


class StandIn(TorchFunctionMode):
    """Marks tensors by their memory, so that views of it are marked with it.

    Attributes:
        computed: Layers of networks that ran on the stand-in.
        stayed: Layers that ran on the processor after that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.computed: set[str] = set()
        self.stayed: set[str] = set()
        self._memory: dict[int, Any] = {}  # held, so that no other memory gets the same address

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given, name = dict(kwargs or {}), getattr(func, "__name__", "")
        if func == Tensor.device.__get__:
            return torch.device(_KIND) if self._marked(args[0]) else func(*args)
        inside = [t for t in tree_leaves((args, given)) if isinstance(t, Tensor)]
        marked = [self._marked(t) for t in inside]
        if name in ("to", "cpu"):
            return self._moved(func, args, given)
        if any(marked):
            self._require_one_place(name, inside, marked)
        if name in _LAYERS:
            if any(marked):
                self.computed.add(name)
            elif self.computed:  # before, networks are tried on one example
                self.stayed.add(name)
        asked = given.get("device")
        there = any(marked) if asked is None else torch.device(asked).type == _KIND
        if asked is not None and there:
            given["device"] = _HERE
        found = func(*args, **given)
        if there:
            self._mark(found)
        return found

    def _moved(
        self, func: Callable[..., Any], args: tuple[Any, ...], given: dict[str, Any]
    ) -> Tensor:
        """A copy in the other place, or what the processor makes of it in its own."""
        was = goes = self._marked(args[0])
        if func.__name__ == "cpu":
            goes = False
        plain = list(args)
        for k, one in enumerate(args[1:], 1):
            if isinstance(one, str | torch.device):
                goes, plain[k] = torch.device(one).type == _KIND, _HERE
            elif isinstance(one, Tensor):
                goes = self._marked(one)
        if given.get("device") is not None:
            goes, given["device"] = torch.device(given["device"]).type == _KIND, _HERE
        moved: Tensor = func(*plain, **given)
        moved = moved.clone() if goes != was else moved
        return self._mark(moved) if goes else moved

    def _require_one_place(self, name: str, inside: Sequence[Tensor], marked: list[bool]) -> None:
        if name in _LEAVE:
            raise RuntimeError(f"{name}: a tensor of the stand-in was not brought to the processor")
        if name in _MAY_MIX or (name == "__getitem__" and marked[0]):
            return
        # As on a GPU, a number may come from the processor.
        for tensor, there in zip(inside, marked, strict=True):
            if not there and tensor.ndim > 0:
                raise RuntimeError(
                    f"{name}: tensors on the stand-in and on the processor, {tuple(tensor.shape)}"
                )

    def _marked(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage()._cdata in self._memory

    def _mark(self, found: _T) -> _T:
        for one in tree_leaves(found):
            if isinstance(one, Tensor):
                memory = one.untyped_storage()
                self._memory[memory._cdata] = memory
        return found


def _stand_in() -> torch.device:
    return torch.device("hpu")  # in terms of the module whose function it becomes


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Within it, the best device is the stand-in, for predictions and for Lightning."""
    with pytest.MonkeyPatch.context() as patch:
        # Modules hold the function under its name; its code is what they share.
        patch.setattr(best_device, "__code__", _stand_in.__code__)
        there = property(lambda _: torch.device(_KIND))
        patch.setattr(SingleDeviceStrategy, "root_device", there)
        patch.setattr(CPUAccelerator, "setup_device", lambda *_: None)
        with StandIn() as mode:
            yield mode
