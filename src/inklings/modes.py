"""What ``mode: weak`` in an experiment means where it says nothing else of its teacher.

Trees on filters thin the labels first; then a network of short sight learns inside from outside, so
that what a place looks like decides and not what lies around it.
"""

from __future__ import annotations

from typing import Any

WEAK: dict[str, Any] = {
    "forest": {},
    "model": {"name": "unet", "width": 32, "depth": 2, "prior": 0.1},
    "steps": 600,
    "learning_rate": 2e-3,
    "false_alarms": 0.02,
}
"""Options of the teacher of outlines."""

BAG: dict[str, Any] = {**WEAK, "forest": {"reach": 16, "false_alarms": [0.02] * 4}}
"""Of labels of slides: there is no outline to learn by heart, so trees look further; and what is
meant is a smaller part of what is told, so they learn more often."""
