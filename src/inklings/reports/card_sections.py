"""What a model card says, from what was found of a run; what is not known is said, too.

After Mitchell et al. 2019, Model Cards for Model Reporting.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inklings.calibration.record import Calibration
from inklings.cohorts.case import SPLITS, Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.splits import FACTS
from inklings.evaluation.head_lines import of_patients
from inklings.evaluation.intervals import FEW
from inklings.evaluation.scores import Scores
from inklings.predictions.guarantee import Guarantee
from inklings.reports.html import duration
from inklings.reports.label_sections import kinds, weakness
from inklings.reports.material import Material
from inklings.reports.sections import word

UNKNOWN = "not recorded"

_OWN = ("licence", "citation", "weakness")  # facts of a cohort with a line of their own
_INPUTS = (
    ("channels", "in_channels"),
    ("pixel spacing in µm", "spacing_um"),
    ("times coarser than level 0", "factor"),
    ("normalisation", "intensity"),
    ("stain normalisation", "stains"),
    ("volumes", "volumes"),
    ("orientation", "orientation"),
    ("scaled to a side of", "resize"),
)
"""Words of what a network takes, and the keys of ``model.json``."""
_ANEW = "Whatever was evaluated since this card was written: 'inklings report' updates it"


@dataclass(frozen=True)
class Section:
    """One part of a card.

    Attributes:
        title: Of it.
        lines: A statement each.
        tables: Text whose columns stay under one another.
    """

    title: str
    lines: tuple[str, ...]
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """What a card says beside the material of a report.

    Attributes:
        calibration: Of these weights; None where there is none.
        guarantees: That lie beside the run, and are of its probabilities as they are now.
        tested: Evaluations of patients from whom nothing was learnt or chosen.
        void: How many guarantees were of probabilities before a new calibration.
    """

    calibration: Calibration | None = None
    guarantees: tuple[Guarantee, ...] = ()
    tested: tuple[Scores, ...] = ()
    void: int = 0


def card(material: Material, known: Known) -> tuple[Section, ...]:
    """All that is said of a run; a pure function of what was found."""
    return (
        Section("Model", tuple(_model(material))),
        Section("Intended use and limits", tuple(_use(material))),
        Section("Data", tuple(_data(material))),
        Section("Labels", tuple(_labels(material))),
        Section("Thresholds", tuple(_thresholds(material))),
        Section("Calibration", tuple(_calibration(material, known))),
        Section("Guarantees", tuple(_guarantees(material, known))),
        *_scores(known),
        Section("Not tested", tuple(_not_tested(material, known))),
        Section("Warnings", tuple(material.record.get("warnings") or ("none recorded",))),
    )


def _model(m: Material) -> Iterator[str]:
    facts, training = m.record.get("facts") or {}, m.experiment.get("training") or {}
    yield f"Task: {m.experiment.get('task', 'segmentation')}"
    yield f"Answers: {_said(m.model.get('classes'))}"
    yield f"Network: {_said(m.model.get('model') or m.experiment.get('model'))}"
    yield f"Parameters: {_said(facts.get('parameters'))}"
    yield f"Initial weights: {facts.get('start') or 'random, or as in the options of the network'}"
    yield f"Loss: {_said(m.experiment.get('loss'))}"
    yield f"Optimiser: {_said(training.get('optimiser'))}"
    yield f"Steps: {_said(facts.get('steps'))}; best: {_said(facts.get('best_step'))}"
    seconds = m.record.get("seconds")
    yield f"Training time: {UNKNOWN if seconds is None else duration(seconds)}"
    yield f"Seed: {_said(m.record.get('seed'))}"
    yield f"Images per case: {_said(m.model.get('inputs'))}"
    for title, key in _INPUTS:
        if m.model.get(key) is not None or key in ("in_channels", "intensity"):
            yield f"Input, {title}: {_said(m.model.get(key))}"
    own = m.experiment.get(str(m.experiment.get("task"))) or {}
    if own:
        yield f"Settings of the task: {_said(own)}"
    if m.model.get("spacing_um") is None and not any(
        (said or {}).get("spacing_mm") for said in (m.model.get("volumes"), own)
    ):
        yield f"Input, spacing that images are resampled to: {UNKNOWN}"
    yield f"Weights: SHA-256 {digest_of(m) or UNKNOWN}"
    yield f"Versions: {_said(m.record.get('versions'))}"


def _use(m: Material) -> Iterator[str]:
    yield "For research on images and labels: not a medical device, not examined by any authority"
    yield "Its output must not decide the treatment of a person"
    seen = _values(m.cohort, "modality", ("train",))
    yield (
        f"For images like those that it was trained on (modality {_counted(seen)}; see Data); "
        "nothing is known of others"
    )
    yield "Another scanner, stain, protocol or population gives other numbers: measure them first"
    yield "Weak labels rest on assumptions not checked in training (docs/concepts/assumptions.md)"


def _data(m: Material) -> Iterator[str]:
    there, record = m.cohort, m.record
    if there is None:
        yield f"Cohort: {m.cohort_folder.name}, which cannot be read now"
    else:
        patients = of_patients(len({case.patient for case in there}))
        yield f"Cohort: {there.name}, {len(there)} cases of {patients}"
        yield f"Annotated for: {_said(there.classes)}"
        for part in SPLITS:
            inside = there.part(part)
            count = of_patients(len({case.patient for case in inside}))
            yield f"Part {part}: {len(inside)} case{'s' * (len(inside) != 1)} of {count}"
    learnt = record.get("trained_on")
    told = of_patients(len(learnt)) if learnt else UNKNOWN
    yield f"Used for training or choices (train and val): {told}"
    yield f"Split: {_said(record.get('split_hash'))}"
    if there is not None and record.get("split_hash") not in (None, there.split_hash):
        yield f"The split has changed since; it is now {_said(there.split_hash)}"
    for name in FACTS:
        yield f"{name.capitalize()}: {_counted(_values(there, name))}"
    facts = there.facts if there is not None else {}
    for name in ("licence", "citation"):
        yield f"{name.capitalize()}: {_said(facts.get(name))}"
    for name, value in facts.items():
        if name not in _OWN and isinstance(value, str | int | float):
            yield f"{name.replace('_', ' ').capitalize()}: {_said(value)}"


def _labels(m: Material) -> Iterator[str]:
    there = m.cohort
    learnt = there.part("train") or there.cases if there is not None else ()
    yield f"Training labels: {_counted(kinds(there)) if there is not None else UNKNOWN}"
    if without := sum(not case.labels for case in learnt):
        yield f"Cases of the training part without a label: {without}"
    yield f"Simulated label noise: {weakness(there.facts) if there is not None else UNKNOWN}"
    labels = [label for case in learnt for label in case.labels]
    by = [name for label in labels if (name := getattr(label, "annotator", ""))]
    yield "Annotators: " + (
        f"{len(set(by))}, known of {len(by)} of {len(labels)} labels" if by else UNKNOWN
    )
    yield f"Supervision: {_said(m.experiment.get('supervision'))}"
    for one in m.correction.get("evidence") or ():
        why = f"{_said(one.get('action'))}, because {_said(one.get('reason'))}"
        yield f"Corrected before training ({_said(one.get('group'))} images): {why}"
    if not m.correction.get("evidence"):
        yield "Corrected before training: no correction is recorded"
    if m.teacher:
        yield "Trained on pseudo-labels (pixel classifier, teacher network): see teacher.json"


def _thresholds(m: Material) -> Iterator[str]:
    cuts = m.record.get("thresholds") or ()
    if not cuts:
        yield "None: no threshold is used, or none was recorded"
    classes = m.model.get("classes") or (m.cohort.classes if m.cohort is not None else ())
    asked = (m.experiment.get("inference") or {}).get("threshold")
    chosen = (m.record.get("facts") or {}).get("thresholds")
    told = {one.get("class"): one for one in chosen} if isinstance(chosen, list) else {}
    for k, cut in enumerate(cuts):
        name = classes[k] if k < len(classes) else f"class {k}"
        why = f"reason {UNKNOWN}; the experiment says: {_said(asked)}"
        if isinstance(asked, int | float):
            why = "given by the experiment"
        elif one := told.get(name):
            why = f"rule {one.get('rule')}: {one.get('reason')}"
        yield f"{name}: {cut:.4g}; {why}"


def _calibration(m: Material, known: Known) -> Iterator[str]:
    found = known.calibration
    if found is None:
        off = (m.experiment.get("inference") or {}).get("calibration") is False
        yield (
            "None: probabilities are those of the network, and their calibration "
            f"was not measured ({'the experiment asks for none' if off else 'no calibration.json'})"
        )
        return
    yield f"Held out for it: {of_patients(len(found.patients))} not used to train the weights"
    for one in found.classes:
        yield f"{one.name}: {one.change}; {one.reason}"
        if one.before is not None and one.after is not None:
            yield f"{one.name}: ECE {one.before.ece} before, {one.after.ece} after"
        else:
            yield f"{one.name}: ECE was not measured"


def _guarantees(m: Material, known: Known) -> Iterator[str]:
    for one in known.guarantees:
        other = one.weights_sha256 != digest_of(m)
        yield one.line + ("; for other weights than these, or for several runs together" * other)
        yield from one.notes
    if not known.guarantees:
        yield "None: there is no guarantee for new patients"
    if known.void:
        yield f"{known.void} void since a new calibration: repeat 'inklings calibrate --risk'"


def _scores(known: Known) -> Iterator[Section]:
    """Scores, and those of groups."""
    if not known.tested:
        yield Section("Scores on test patients", ("No test scores belong to this run yet", _ANEW))
        yield Section("Groups", ("No scores of groups of patients belong to this run yet",))
        return
    groups = [(table.head.get("cohort"), table.head.get("groups")) for table in known.tested]
    texts = tuple(
        dataclasses.replace(
            table, changes=(), head={k: v for k, v in table.head.items() if k != "groups"}
        ).text()
        for table in known.tested
    )
    cuts = tuple(
        f"Of patients of {_said(table.head.get('cohort'))} not used for training or choices; "
        f"thresholds: {_said(table.head.get('thresholds'))}"
        for table in known.tested
    )
    yield Section("Scores on test patients", cuts, texts)
    told = tuple("\n".join(lines) for _, lines in groups if lines)
    missing = tuple(f"No scores of groups of {_said(name)}" for name, lines in groups if not lines)
    yield Section("Groups", missing or ("The worst group of each column is first",), told)


def _not_tested(m: Material, known: Known) -> Iterator[str]:
    there, tested = m.cohort, known.tested
    part = there.part("test") if there is not None else ()
    if not tested:
        yield "How good it is: no test scores belong to this run yet"
    if there is not None and not part:
        yield "Patients of a test part: the cohort has none"
    own = there.name if there is not None else None
    if all(table.head.get("cohort") == own for table in tested):
        yield "Patients of another cohort"
    for name, many in (("site", "sites"), ("scanner", "scanners")):
        yield from _unseen(there, part, name, many)
    for table in tested:
        count = table.head.get("patients")
        if isinstance(count, int) and count < FEW:
            whom = f"{of_patients(count)} of {_said(table.head.get('cohort'))}"
            yield f"Enough patients: {whom} are too few for firm conclusions"
    if not any(table.head.get("groups") for table in tested):
        yield "Whether it is worse for some groups of patients: no scores of groups"
    if known.calibration is None:
        yield "Its probabilities: not calibrated"
    else:
        for one in known.calibration.classes:
            if one.before is None:
                yield f"Probabilities of {one.name}: not calibrated"
    if not known.guarantees:
        yield "How much is missed at most in new patients: no guarantee"
    yield "Whether it is useful in clinical practice"


def _unseen(there: Cohort | None, test: Sequence[Case], name: str, many: str) -> Iterator[str]:
    """What is not known of sites, or scanners, that nothing was learnt from."""
    known = _values(there, name)
    learnt, tested = _values(there, name, ("train", "val")), {case.facts.get(name) for case in test}
    if not known:
        yield f"Other {many}: the origin of the images is {UNKNOWN}"
    elif len(known) == 1:
        yield f"Other {many} than {next(iter(known))}: all images with a known origin are from it"
    elif not {value for value in tested if value} - {*learnt}:
        yield f"Other {many} than those of the training: the test part has none"


def digest_of(m: Material) -> str:
    """SHA-256 of the weights; empty in runs of 0.1."""
    return str(m.record.get("weights_sha256") or "")


def _values(
    there: Cohort | None, name: str, parts: Sequence[str | None] = (*SPLITS, None)
) -> Counter[str]:
    """How many cases of some parts have each value of a fact, in order of the cases."""
    cases = there.cases if there is not None else ()
    values = (str(case.facts.get(name) or "").strip() for case in cases if case.split in parts)
    return Counter(value for value in values if value)


def _counted(counts: Counter[str]) -> str:
    told = [f"{value} ({count})" for value, count in counts.most_common(FEW)]
    more = len(counts) - FEW
    return ", ".join(told) + (f" and {more} others" if more > 0 else "") or UNKNOWN


def _said(value: Any) -> str:
    """A value of a record in words; a component with its options."""
    if isinstance(value, Mapping) and "name" in value:
        options = word(value.get("options"))
        return f"{value['name']}" + (f" ({options})" if options else "")
    return word(value) or UNKNOWN
