"""What ``mode: weak`` in an experiment means where it says nothing else of its teacher.

Outlines that are too wide are learnt as they are, inside from outside, by a network of short sight:
what a place looks like decides, and not what lies around it. Of slides of which only a label is
known, the cells of tissue that look most positive are taken for positive, and nothing of a negative
slide is.
"""

from __future__ import annotations

from typing import Any

_NEAR = {"name": "unet", "width": 32, "prior": 0.1}

WEAK: dict[str, dict[str, Any]] = {
    "outlines": {
        "model": {**_NEAR, "depth": 2},
        "steps": 600,
        "learning_rate": 2e-3,
        "false_alarms": 0.02,
    },
    "bag": {
        "model": {**_NEAR, "depth": 1, "stride": 2},
        "loss": {"name": "alpha_beta", "alpha": 0.05, "bag": 4, "cell": 8},
        "batch_size": 16,
        "steps": 400,
        "learning_rate": 3e-3,
        "false_alarms": 0.01,
        "doubt": 5.0,
    },
}
"""Options of the teacher, by what the labels are."""
