"""A cohort with weaker labels, which remembers where the truth is.

The weak cohort has label files of its own and the images of the full one. Its cases hold no path
to a true mask: the way back is ``truth.yaml``, which only `inklings.evaluation.truth` reads.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.cohorts.region import annotate_overview
from inklings.errors import DataError, LabelError
from inklings.files import write_yaml
from inklings.labels.files import as_stored, mask_suffix, write_mask
from inklings.labels.kinds import (
    BACKGROUND,
    BagLabel,
    CaseLabel,
    Extent,
    Label,
    MaskLabel,
    PointLabel,
)
from inklings.labels.marks import Annotation
from inklings.parallel import mapped
from inklings.progress import note
from inklings.records import read_record
from inklings.simulation.base import Objects
from inklings.simulation.chain import Chain, apply, stream

TRUTH_FILE = "truth.yaml"


def weaken(
    cohort: Path,
    chain: Chain,
    seed: int,
    out: Path,
    workers: int | None = 1,
    scheduler: str | None = None,
    trusted: Sequence[str] = (),
) -> Cohort:
    """Weaken the labels of all cases of ``cohort``, of every split, and write them to ``out``.

    Finished cases are kept when it is interrupted; the same call goes on. Cases without complete
    labels are taken over as they are.

    Args:
        cohort: Folder of the full cohort.
        chain: What is done to the labels.
        seed: With the id of a case it decides all chance, whatever other cases there are.
        out: Folder of the weak cohort.
        workers: Processes that share the cases, see `inklings.executors.processes`.
        scheduler: Address of a Dask scheduler instead.
        trusted: Ids of cases that keep their labels, as those a user has outlined with care.

    Raises:
        DataError: If ``out`` holds anything else than this very weakening, or ``trusted`` names no
            case of the cohort.
        LabelError: If a label does not fit its image, or no case has labels that can be weakened.
    """
    full = Cohort.read(cohort.absolute())
    unknown = sorted(set(trusted) - {case.id for case in full})
    if unknown:
        raise DataError(f"--trusted: expected cases of {cohort}, got {', '.join(unknown)}")
    kept = [case for case in full if case.id in trusted]
    rest = [case for case in full if case.id not in trusted]
    if rest and all(isinstance(label, CaseLabel) for case in rest for label in case.labels):
        raise LabelError(
            f"{cohort}: expected labels drawn on images to weaken, got {len(rest)} cases with none "
            "but of the whole case; nothing is weaker than these"
        )
    _claim(cohort, chain, seed, out, trusted)
    work = functools.partial(
        _weaken_case, classes=full.classes, chain=chain, seed=seed, out=out.absolute()
    )
    shared = mapped(work, rest, what="weakening", workers=workers, scheduler=scheduler)
    done = [*shared, *kept]
    cases = tuple(sorted(done, key=lambda case: case.id))
    before = {case.id: case.labels for case in full}
    same = sum(case.labels == before[case.id] for case in cases) - len(kept)
    if same:
        note(f"{same} of {len(full)} cases without complete labels were copied unchanged")
    changed = len(rest) - same
    weakness: dict[str, Any] = {
        "chain": str(chain), "steps": chain.describe(), "seed": seed, "cases": changed,
    }  # fmt: skip
    if trusted:
        weakness["exact"] = sorted(trusted)
    if "weakness" in full.facts:
        weakness["before"] = full.facts["weakness"]
    weak = replace(full, cases=cases, facts={**full.facts, "weakness": weakness})
    weak.write(out)
    return weak


def origin(folder: Path) -> dict[str, Any]:
    """What ``truth.yaml`` says: the full cohort under ``cohort``, and how it was weakened.

    Raises:
        DataError: If it is missing or damaged.
    """
    path, again = folder / TRUTH_FILE, "weaken the full cohort again"
    found = read_record(dict[str, Any], path, "the origin of a weakened cohort", again)
    if not isinstance(found.get("cohort"), str):
        raise DataError(f"{path} is damaged (it names no cohort); {again}")
    return found


def _claim(cohort: Path, chain: Chain, seed: int, out: Path, trusted: Sequence[str]) -> None:
    """Write the way back to the truth, or see that the one in ``out`` is the same."""
    wanted = {
        "cohort": Path(os.path.relpath(cohort.resolve(), out.resolve())).as_posix(),
        "chain": str(chain),
        "seed": seed,
        **({"exact": sorted(trusted)} if trusted else {}),
    }
    path = out / TRUTH_FILE
    if not path.exists():
        if out.exists() and any(out.iterdir()):
            raise DataError(f"{out} is not empty and holds no weakened cohort; give another --out")
        write_yaml(path, wanted)
    found = origin(out)
    if found != wanted:
        raise DataError(
            f"{out} holds {found.get('cohort')} weakened by {found.get('chain')} with seed "
            f"{found.get('seed')}; expected {wanted['cohort']} weakened by {wanted['chain']} with "
            f"seed {seed}; give another --out, or remove the folder"
        )


def _weaken_case(case: Case, classes: Sequence[str], chain: Chain, seed: int, out: Path) -> Case:
    image = next((k.image for k in case.labels if not isinstance(k, CaseLabel)), None)
    if image is None:
        return case
    masks = (out / "masks" / f"{case.id}{suffix}" for suffix in (".png", ".npy", ".nii.gz"))
    finished = next((path for path in masks if path.exists()), None)
    if finished is not None:
        return replace(case, labels=(_mask_label(case, finished, image, chain, classes),))
    annotation = annotate_overview(case, image, classes)
    if not (annotation.exhaustive and annotation.known.all()):
        return case
    weak = apply(annotation.objects, chain, stream(seed, case.id))
    return replace(case, labels=_labels(case, image, annotation, weak, chain, classes, out))


def _labels(
    case: Case,
    image: str,
    annotation: Annotation,
    weak: Objects,
    chain: Chain,
    classes: Sequence[str],
    out: Path,
) -> tuple[Label, ...]:
    """Label records of the weakened objects; masks are written to ``out``."""
    table = np.zeros(int(annotation.objects.max(initial=0)) + 1, np.int32)
    table[annotation.objects] = annotation.category
    codes = np.where(weak > 0, table[np.maximum(weak, 0)], weak)
    if chain.form == "bag":
        return tuple(BagLabel(n, bool((codes == k).any())) for k, n in enumerate(classes, 1))
    if chain.form == "points":
        return tuple(
            PointLabel(image, classes[codes[tuple(at)] - 1], _finest(case, image, at, codes.shape))
            for at in np.argwhere(weak > 0).tolist()
        )
    kind = _kind(case)
    stored = as_stored(weak if kind == "instances" else codes, kind)
    with open_case(case, image) as opened:
        geometry = opened.geometry
    placed = stored.ndim == 3 and geometry.spacing is not None
    path = out / "masks" / f"{case.id}{'.nii.gz' if placed else mask_suffix(stored)}"
    write_mask(path, stored, geometry if placed else None)
    return (_mask_label(case, path, image, chain, classes),)


def _finest(case: Case, image: str, at: Sequence[int], shape: tuple[int, ...]) -> tuple[float, ...]:
    """A sample of the weakened grid in the samples of the image, which are finer in a slide."""
    with open_case(case, image) as opened:
        factors = [n / m for n, m in zip(opened.geometry.shape, shape, strict=True)]
    return tuple((a + 0.5) * f - 0.5 for a, f in zip(at, factors, strict=True))


def _mask_label(
    case: Case, path: Path, image: str, chain: Chain, classes: Sequence[str]
) -> MaskLabel:
    kind = _kind(case)
    names = (_names(case)[0],) if kind == "instances" else tuple(classes)
    extent: Extent = "partial" if chain.form == "partial" else "complete"
    return MaskLabel(path.resolve(), image, kind, names, extent)


def _kind(case: Case) -> Any:
    """``instances`` where the labels tell objects of one class apart, else ``classes``."""
    merged = any(isinstance(k, MaskLabel) and k.kind == "classes" for k in case.labels)
    return "classes" if merged or len(_names(case)) > 1 else "instances"


def _names(case: Case) -> list[str]:
    """The classes that the labels of a case mark, without repetition."""
    names: dict[str, None] = {}
    for label in case.labels:
        if isinstance(label, MaskLabel):
            names.update((name, None) for name in label.classes if name != BACKGROUND)
        elif not isinstance(label, CaseLabel):
            names[label.name] = None
    if not names:
        raise LabelError(f"case {case.id}: expected a label that marks a class, got none")
    return list(names)
