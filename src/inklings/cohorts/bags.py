"""Cases that are bags of instances: which rows of which files are theirs.

The rows of a bag are one file (the tiles of a slide), several (the slides of a patient), or a
range of one file (a thousand small bags), which the fact ``rows`` of the case then gives.
"""

from __future__ import annotations

from collections.abc import Sequence

from inklings.cohorts.case import Case
from inklings.errors import DataError
from inklings.readers.bag_files import Span, head, is_bag_file

ROWS = "rows"


def spans(case: Case) -> tuple[Span, ...]:
    """Where the instances of a case lie.

    Raises:
        DataError: If there are none, or the case does not say it well.
    """
    asked = case.facts.get(ROWS)
    found = []
    for path in case.images.values():
        if asked is None:
            found.append(Span(path, 0, head(path).count))
            continue
        try:
            start, stop = (int(number) for number in asked.split(":"))
        except ValueError:
            raise DataError(
                f"case {case.id}: expected rows as start:stop, got {asked!r}; import it again"
            ) from None
        found.append(Span(path, start, stop))
    if not sum(map(len, found)):
        raise DataError(f"case {case.id}: expected at least one instance in its bag, got none")
    return tuple(found)


def is_bag(case: Case) -> bool:
    """Whether a case is a bag of instances rather than an image."""
    return bool(case.images) and all(map(is_bag_file, case.images.values()))


def common_shape(cases: Sequence[Case]) -> tuple[int, ...]:
    """Shape of an instance, the same in every file.

    Raises:
        DataError: If files differ.
    """
    paths = dict.fromkeys(path for case in cases for path in case.images.values())
    shapes = {path: head(path).shape for path in paths}
    if len(set(shapes.values())) != 1:
        what = ", ".join(
            f"{shape} in {', '.join(p.name for p in paths if shapes[p] == shape)[:80]}"
            for shape in dict.fromkeys(shapes.values())
        )
        raise DataError(f"expected instances of one shape, got {what or 'no files'}")
    return next(iter(shapes.values()))
