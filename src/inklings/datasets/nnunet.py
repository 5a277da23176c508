"""nnU-Net's raw data: a file for each channel of a case, one for its labels, and dataset.json.

Isensee et al. 2021, Nature Methods 18, 203-211; the layout is described in the repository
MIC-DKFZ/nnUNet (``dataset_format.md``). On disk, version 2 (``Dataset001_Name``) and version 1
(``Task001_Name``): ``imagesTr/CASE_0000.nii.gz``, ``CASE_0001.nii.gz``, ... with
``labelsTr/CASE.nii.gz``, and ``imagesTs`` alike, perhaps with ``labelsTs``. Files may be of any
format (``file_ending``); pictures with several channels are one file. The label ``ignore`` is
what was not annotated. Labels that are regions of each other are kept as the innermost region of
each code. ``splits_final.json`` gives train and val of a fold.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from inklings.cohorts.case import Split
from inklings.cohorts.cohort import Cohort
from inklings.datasets import values
from inklings.datasets.archive import laid_out
from inklings.datasets.dataset import Argument, Converted, Option, Plain, named_in
from inklings.datasets.described import NAME, Description, read_description
from inklings.datasets.findings import ImportFinding
from inklings.datasets.nnunet_files import RawCase, holds_cases, laid, listed
from inklings.datasets.pairing import clean_id
from inklings.datasets.scans import IMAGE, Scan, as_described, case_of, without_image
from inklings.errors import DataError, SpecError
from inklings.readers import open_image

SPLITS = "splits_final.json"


@dataclass(frozen=True)
class NnUNet(Plain):
    """nnU-Net's raw data, versions 1 and 2: channels, labels, ignore, regions and its splits.

    Files stay where they lie. Cases of imagesTs become the test part.
    """

    source: Annotated[Path, Argument("Folder or zip with dataset.json, imagesTr and labelsTr.")]
    fold: Annotated[int, Option("Which fold of splits_final.json says train and val.", least=0)] = 0
    splits: Annotated[
        Path | None,
        Option("splits_final.json (it lies in nnUNet_preprocessed), if not beside dataset.json."),
    ] = None
    meaning: Annotated[
        Mapping[int, str],
        Option(
            "What the codes mean, instead of dataset.json: '1=liver,4=unlabelled'.",
            flag="--values",
            parse=values.parse,
        ),
    ] = field(default_factory=dict)
    name: str = ""
    classes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    noun: str = "cases"

    def items(self, scratch: Path) -> Sequence[Scan]:
        """Cases with all their channels, in order of id.

        Raises:
            DataError: If there is no such layout, or files contradict its description.
        """
        home = self._home(scratch)
        said = read_description(home)
        meaning = dict(self.meaning or said.meaning)
        if not meaning:
            raise DataError(
                f"{home / NAME}: expected labels with their codes, got none; say them: --values "
                "'1=liver,2=tumour'"
            )
        parts = self._parts(home)
        cases = listed(home, said) or laid(home, said)
        found = [
            dataclasses.replace(
                _scan(case, said, all(list(one.channels) == [0] for one in cases)),
                split="test" if case.is_test else parts.get(case.name),
                meaning=meaning,
            )
            for case in cases
        ]
        return _named_apart(found)

    def convert(self, item: Scan) -> Converted:
        """One case, with the codes of its mask by name."""
        made = case_of(item, as_described(item))
        wanted = int(item.facts.get("channels", "1"))
        if made.images and len(item.images) == 1 and wanted > 1:
            path = item.images[IMAGE]
            with open_image(path) as image:
                if len(image.channels) != wanted:
                    detail = (
                        f"{path.name}: {len(image.channels)} channels in one file, dataset.json "
                        f"names {wanted}"
                    )
                    return Converted(
                        {}, findings=(ImportFinding(item.id, "missing image", detail),)
                    )
        facts = {key: value for key, value in made.facts.items() if key != "channels"}
        regions = facts.pop("regions", "")
        noted = made.findings
        if regions and made.labels:
            noted = (*noted, ImportFinding(item.id, "regions", regions))
        return dataclasses.replace(made, facts=facts, findings=noted)

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:
        """With the name of the description, and what was made of its splits."""
        home = self._home(out / ".unpacked")
        said = read_description(home)
        facts = dict(cohort.facts)
        said_of = {
            "title": said.text("description"),
            "licence": said.text("licence") or said.text("license"),
            "citation": said.text("reference"),
        }
        facts |= {key: text for key, text in said_of.items() if text}
        name = clean_id(said.text("name") or self.source.stem)
        whole = dataclasses.replace(cohort, name=name, facts=facts, classes=named_in(cohort))
        cases = listed(home, said) or laid(home, said)
        there = sum(bool(case.channels) and not case.is_test for case in cases)
        most = said.text("numTraining")
        partly = [f"{there} of the {most} training cases of dataset.json are here"]
        words = partly if most.isdigit() and int(most) != there else []
        path = self._splits(home)
        if path is None:
            return whole, (*words, "no splits_final.json (--splits): run 'inklings split'")
        parts, ids = self._parts(home), {case.id for case in cohort}
        lost = sorted(case for case in parts if clean_id(case) not in ids)
        words += [f"train and val as fold {self.fold} of {path.name} says"]
        if lost:
            words.append(f"{len(lost)} cases of the split are not here ({', '.join(lost[:3])})")
        left = sorted(case.id for case in cohort if case.split is None)
        if left:
            words.append(
                f"{len(left)} cases are in no part of {path.name} ({', '.join(left[:3])}): without "
                "a part until 'inklings split'"
            )
        return whole, words

    def _home(self, scratch: Path) -> Path:
        """The folder that holds ``dataset.json``."""
        folder = laid_out(self.source, scratch)
        homes = {path.parent for name in (NAME, "imagesTr") for path in folder.rglob(name)}
        found = sorted(home for home in homes if holds_cases(home))
        if len(found) == 1:
            return found[0]
        if not found:
            raise DataError(f"expected {NAME} beside imagesTr under {self.source}, got none")
        said = ", ".join(home.name for home in found[:4])
        raise DataError(f"{self.source} holds {len(found)} datasets ({said}); give one of them")

    def _splits(self, home: Path) -> Path | None:
        if self.splits is not None:
            if not self.splits.is_file():
                raise DataError(f"expected a split at {self.splits}, but there is no such file")
            return self.splits
        beside = home / SPLITS
        kept = home.parent.parent / "nnUNet_preprocessed" / home.name / SPLITS
        return next((path for path in (beside, kept) if path.is_file()), None)

    def _parts(self, home: Path) -> dict[str, Split]:
        """Case to train or val, by the split file; empty where there is none.

        Raises:
            DataError: If it is no such file.
            SpecError: If it has no such fold.
        """
        path = self._splits(home)
        if path is None:
            return {}
        try:
            folds = json.loads(path.read_text(encoding="utf-8-sig"))
            if self.fold >= len(folds):
                raise SpecError(f"--fold {self.fold}: {path.name} has {len(folds)} folds, from 0")
            train, val = (_names(folds[self.fold][part]) for part in ("train", "val"))
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(
                f"{path}: expected a list of folds with train and val, got a problem with {error}"
            ) from None
        if both := sorted({*train} & {*val}):
            raise DataError(
                f"{path}: fold {self.fold} has {', '.join(both[:3])} in train and in val, expected "
                "each case in one of them; correct the file, or give another with --splits"
            )
        return {**dict.fromkeys(train, "train"), **dict.fromkeys(val, "val")}


def _names(listed: object) -> list[str]:
    """The cases of a part; text would be read letter by letter."""
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise ValueError(f"{str(listed)[:40]!r}, which is no list of names of cases")
    return listed


def _scan(case: RawCase, said: Description, together: bool) -> Scan:
    """A case; where there is one file each, all channels may lie ``together`` in it."""
    name, channels = clean_id(case.name), case.channels
    if not channels and case.mask is not None:
        return without_image(name, case.mask)
    known = said.channels or dict.fromkeys(channels, "")
    numbers = sorted({*known, *channels})
    facts = {"channels": str(len(known)), "regions": said.regions}
    asked = not case.is_test
    if together:  # what lies in it is seen when it is opened
        only = _called(known.get(0, ""), 0) if len(known) == 1 and known.get(0) else IMAGE
        return Scan(name, name, {only: channels[0]}, case.mask, facts=facts, asked=asked)
    called = {number: _called(known.get(number, ""), number) for number in numbers}
    if len(set(called.values())) < len(called):
        called = {number: f"{number:04}" for number in numbers}
    images = {called[number]: channels[number] for number in sorted(channels)}
    problem = None
    if set(known) != set(channels):
        detail = (
            f"channels {', '.join(f'_{n:04}' for n in sorted(channels))}, dataset.json names "
            f"{', '.join(f'_{n:04} ({known[n]})' for n in sorted(known))}"
        )
        problem = ImportFinding(name, "missing image", detail)
    return Scan(name, name, images, case.mask, facts=facts, asked=asked, problem=problem)


def _called(name: str, number: int) -> str:
    """A name that may stand for an image: of letters and digits, with a few signs between."""
    plain = re.sub(r"[^\w.+ -]", "_", name).strip("_ .")
    return plain if re.fullmatch(r"[A-Za-z0-9_][\w.+ -]*", plain) else f"{number:04}"


def _named_apart(found: Sequence[Scan]) -> list[Scan]:
    """Cases of imagesTs that are called like one of imagesTr get another name."""
    taken = {scan.id for scan in found if scan.split != "test"}
    return [
        dataclasses.replace(scan, id=f"test-{scan.id}", patient=f"test-{scan.id}")
        if scan.split == "test" and scan.id in taken
        else scan
        for scan in found
    ]
