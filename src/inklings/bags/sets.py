"""Guaranteed sets of diagnoses of bags."""

from __future__ import annotations

from inklings.bags.task import Task, decide
from inklings.predictions.bags import BagPrediction
from inklings.predictions.guarantee import of_head
from inklings.predictions.head import Head
from inklings.predictions.shift import diagnoses


def set_of(bag: BagPrediction, head: Head) -> tuple[str, ...]:
    """The guaranteed set of diagnoses of a bag, in the order of the classes; none without promise.

    What reaches the threshold of its class; of grades also what lies between two that do. A set
    is never empty: the answer of the run is in it.
    """
    cuts = {g.label: g.threshold for g in of_head(head) if g.risk == "sets"}
    if not cuts:
        return ()
    task: Task = head.settings["task"]
    said = diagnoses(bag, head)
    names = list(said)
    inside = {name for name in names if said[name] >= cuts.get(name, 0.0)}
    called = decide(task, bag.probability[None], head.thresholds)[0]
    if called.ndim:
        inside |= {n if yes else f"no {n}" for n, yes in zip(head.classes, called, strict=True)}
    else:
        inside.add(head.classes[int(called)])
    if task == "ordinal":
        places = [names.index(name) for name in inside]
        inside = set(names[min(places) : max(places) + 1])
    return tuple(name for name in names if name in inside)
