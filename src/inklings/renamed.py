"""Keys of an experiment file that are called otherwise since version 0.2: the one table of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inklings.errors import SpecError
from inklings.progress import note

KEYS: dict[str, str] = {
    "sampling.positives": "sampling.foreground",
    "volumes.organ": "volumes.foreground",
    "inference.flips": "inference.mirroring",
    "inference.pieces": "inference.components",
    "rounds": "self_training",
    "rounds.count": "self_training.iterations",
    "teacher.forest": "teacher.pixel_classifier",
    "teacher.forest.samples": "teacher.pixel_classifier.pixels",
    "teacher.forest.reach": "teacher.pixel_classifier.filter_scale",
    "teacher.forest.false_alarms": "teacher.pixel_classifier.false_positive_rate",
    "teacher.forest.doubt": "teacher.pixel_classifier.ignore_band",
    "teacher.false_alarms": "teacher.false_positive_rate",
    "teacher.doubt": "teacher.ignore_band",
    "teacher.thinning": "teacher.subsample",
    "teacher.sampling.positives": "teacher.sampling.foreground",
    "correction.exact": "correction.trusted",
    "detection.positives": "detection.foreground",
    "bags.sample": "bags.max_instances",
}
"""Old to new; each is as deep as before."""

VALUES: dict[str, dict[str, str]] = {
    "volumes.view": {"slices": "2d", "context": "2.5d", "patches": "3d"},
}
"""Words that a key held, old to new."""

WORDS = {"volumes": "volumes.view"}
"""What a single word in place of a section stands for, where it is one of `VALUES`."""


OPTIONS: dict[str, dict[str, str]] = {
    "nodules": {"--choose": "--tune-thresholds"},
    "predict": {
        "--flips": "--mirroring",
        "--no-flips": "--no-mirroring",
        "--pieces": "--components",
    },
    "train": {"--exact": "--trusted"},
    "weaken": {"--exact": "--trusted", "--slop": "--boundary-error"},
}
"""Options of commands, old to new; no help shows the old ones."""


SIMULATED = {"slop": "boundary_error"}
"""Options of a kind of weak labels, old to new: ``dilate:pixels=4,slop=0.3``."""


def _parted(path: str) -> tuple[str, str]:
    above, dot, key = path.rpartition(".")
    return above + dot, key


_ROWS = {_parted(new)[0] + _parted(old)[1]: (old, new) for old, new in KEYS.items()}
# By the old key below sections that have their new names, as they have once one comes to them.


def renamed(record: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """An experiment, or a part of one, with the keys and words of today.

    Args:
        record: Keys and values, not yet checked.
        where: Its file, for one line on each old spelling; nothing is said where it is empty, as
            for what a version before this one wrote.

    Raises:
        SpecError: If a value is given under both of its names.
    """
    return _renamed(record, "", where)


def option_of(key: str) -> str:
    """An option of a kind of weak labels by its name of today; one line on an old one."""
    if key in SIMULATED:
        _tell("--kind", key, SIMULATED[key])
    return SIMULATED.get(key, key)


def options_renamed(command: str, words: Sequence[str]) -> list[str]:
    """What was typed behind a command, with the options of today; one line on each old one."""
    table, found = OPTIONS.get(command, {}), []
    for word in words:
        option, equals, value = word.partition("=")
        now = table.get(option, option)
        if now != option and "--quiet" not in words:
            note(f"{option} is now {now}")
        found.append(f"{now}{equals}{value}")
    return found


def _renamed(record: Mapping[str, Any], above: str, where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in record.items():
        place = f"{above}{key}"
        old, new = _ROWS.get(place, (place, place))
        name = _parted(new)[1]
        if old != new:
            if name in record:
                raise SpecError(f"{where}: {old} is now {new}, and both are given; leave one out")
            _tell(where, old, new)
        found[name] = _value(value, new, above if key == "options" else f"{new}.", where)
    return found


def _value(value: Any, place: str, inside: str, where: str) -> Any:
    if isinstance(value, Mapping):
        return _renamed(value, inside, where)
    words = VALUES.get(WORDS.get(place, place), {})
    if not isinstance(value, str) or value not in words:
        return value
    _tell(where, f"{place}: {value}", f"{place}: {words[value]}")
    return words[value]


def _tell(where: str, old: str, new: str) -> None:
    if where:
        note(f"{where}: {old} is now {new}")
