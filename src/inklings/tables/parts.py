"""Words for the parts of a split."""

from __future__ import annotations

from typing import Literal

from inklings.errors import DataError
from inklings.tables.table import Table

Part = Literal["train", "val", "test"]
WORDS: dict[Part, frozenset[str]] = {
    "train": frozenset({"train", "training", "trainset", "trn", "learn", "learning"}),
    "val": frozenset({
        "val", "valid", "validate", "validation", "valset", "dev", "development", "tune", "tuning",
    }),
    "test": frozenset({
        "test", "testing", "testset", "tst", "holdout", "heldout", "evaluation", "eval",
    }),
}  # fmt: skip


def part_of(word: str) -> Part | None:
    """The part that a word means, whatever its case; None for any other word."""
    plain = "".join(word.lower().replace("-", "").replace("_", "").split())
    plain = plain.removesuffix("set") or plain
    return next((part for part, words in WORDS.items() if plain in words), None)


def parts(table: Table, column: str) -> list[Part | None]:
    """Part of each row; None where the cell is empty.

    Raises:
        DataError: If a word is none for train, val or test; all such words are named.
    """
    said = table.said(column)
    found = [part_of(word) if word else None for word in said]
    odd = {word: i for i, word in reversed(list(enumerate(said))) if word and found[i] is None}
    if odd:
        words = ", ".join(repr(word) for word in sorted(odd))
        first = min(odd.values())
        raise DataError(
            f"{table.at(first, column)}: expected train, val or test (or training, validation, "
            f"dev, tune, testing, holdout), got {words}; folds are made by 'inklings crossval'"
        )
    return found


def told(table: Table, column: str) -> list[str]:
    """What words other than train, val and test were taken for, as a note."""
    words = sorted({word for word in table.said(column) if word} - set(WORDS))
    if not words:
        return []
    return [f"{column}: {', '.join(f'{word} as {part_of(word)}' for word in words)}"]
