"""Kinds of findings: one table for what imports find, one for what readers note."""

from inklings.datasets.findings import KINDS, LEFT_OUT, ImportFinding
from inklings.readers.notes import NOTES


def test_no_kind_of_an_import_is_hidden_by_a_note_of_the_same_name() -> None:
    """A note keeps its case; under one name with a finding that sets it aside, it would stay."""
    assert {kind: KINDS[kind] for kind in NOTES} == NOTES
    assert not [kind for kind, (consequence, _) in NOTES.items() if consequence == LEFT_OUT]
    assert ImportFinding("s3", "features not finite", "row 2").is_fatal
