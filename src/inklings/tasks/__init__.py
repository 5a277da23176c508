"""What can be learnt: each task says how it reads, learns, is judged, and where answers are cut."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from inklings.spec import Experiment
from inklings.tasks.base import Task


def task_of(experiment: Experiment) -> Task[Any]:
    """The task of an experiment, which names it (`inklings.spec.TASKS` lists them)."""
    module, name = experiment.learner.split(":")
    task: Task[Any] = vars(import_module(module))[name]()
    return task
