"""What readers dropped, guessed or overruled: told by `import`, by `check` and by `show`."""

from __future__ import annotations

from dataclasses import dataclass

NOTES: dict[str, tuple[str, str]] = {
    "geometry": ("kept", "a volume whose geometry should be known: tilted, doubled slices"),
    "qform and sform": ("kept", "a NIfTI whose two forms say that it lies in two places"),
    "rounded": ("taken as whole numbers", "a mask whose codes were stored as steps of a fraction"),
    "axes": ("kept", "axes beyond three that were read as channels"),
    "segments": ("kept", "what the segments of a segmentation are called"),
    "bounds": ("kept", "a slide of which only a part was scanned, from which QuPath counts"),
    "levels": ("kept", "a slide whose finest level is not there, or was made from a finer one"),
    "fractional": ("taken from half up", "a segmentation that keeps shares instead of samples"),
    "overlap": ("smaller wins", "samples that belong to several masks"),
    "resampled": ("resampled", "an image on another grid than the first of its case"),
    "spacing": ("kept", "a distance between samples that is not said, not believed, or guessed"),
    "rescale": ("kept", "numbers that are rescaled otherwise than their file says"),
    "inversion": ("kept", "small numbers are shown bright: samples are turned, or kept for units"),
    "padding": ("kept", "a number that fills what was not measured"),
    "overlay": ("drawing dropped", "a drawing over the pixels that is left out"),
    "series": ("kept", "images of one DICOM series that differ in what should be the same"),
    "passed over": ("files skipped", "files beside a DICOM series that are no images of it"),
    "not finite": ("kept", "samples that are NaN or infinite, filled with the smallest number"),
    "alpha": ("alpha dropped", "an alpha plane that is not 255 everywhere"),
    "orientation": ("turned upright", "a picture stored lying, mirrored or upside down"),
    "white is zero": ("inverted", "a picture stored with white as zero"),
    "palette": ("colours taken", "numbers that a look-up table shows in colours"),
    "description": ("not read", "a description of the pages that is damaged"),
    "further pages": ("not read", "pages taken as label, macro or thumbnail"),
}
"""Kind of a note to what follows from it, and what it means; a reader that notes adds a line."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing about a file that was read, and that its user should know.

    Attributes:
        kind: A key of `NOTES`.
        text: What was found and what was done, with numbers; no full stop.
    """

    kind: str
    text: str

    def __post_init__(self) -> None:
        if self.kind not in NOTES:
            raise ValueError(f"no kind of note is called {self.kind!r}")

    def __str__(self) -> str:
        return self.text
