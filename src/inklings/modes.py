"""What ``mode: weak`` in an experiment means where it says nothing else of its teacher.

Trees on filters thin the labels, the student learns from what they kept, marks its images again,
and goes on from there. A short-sighted network between them kept less of what is meant (measured
in experiments/panda).
"""

from __future__ import annotations

from typing import Any

WEAK: dict[str, Any] = {"pixel_classifier": {}, "false_positive_rate": 0.005}
"""Options of the teacher of outlines."""

BAG: dict[str, Any] = {
    **WEAK,
    "pixel_classifier": {"filter_scale": 16, "false_positive_rate": [0.02] * 4},
}
"""Of labels of slides: there is no outline to learn by heart, so trees look further; and what is
meant is a smaller part of what is told, so they learn more often."""
