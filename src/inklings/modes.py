"""What ``mode: weak`` in an experiment means where it says nothing else of its teacher.

A network of short sight learns inside from outside, so that what a place looks like decides and not
what lies around it. From labels of slides little is learnt at once, so it thins its own labels and
learns again.
"""

from __future__ import annotations

from typing import Any

_SHORT_SIGHTED: dict[str, Any] = {
    "model": {"name": "unet", "width": 32, "depth": 2, "prior": 0.1},
    "steps": 600,
    "learning_rate": 2e-3,
}

WEAK: dict[str, dict[str, Any]] = {
    "outlines": {**_SHORT_SIGHTED, "false_alarms": 0.02},
    "bag": {**_SHORT_SIGHTED, "false_alarms": (0.05, 0.03), "doubt": 10.0},
}
"""Options of the teacher, by what the labels are."""
