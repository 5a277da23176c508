"""``inklings deidentify``: DICOM series without names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def deidentify(
    folder: Annotated[Path, typer.Argument(help="Folder, file or zip archive of DICOM images.")],
    out: Annotated[
        Path, typer.Option(help="New folder for the copy; the original is not touched.")
    ],
    key: Annotated[
        Path | None,
        typer.Option(
            help="File with a secret: the same secret gives the same new identifiers again. "
            "Without it they are random, and nobody can trace them."
        ),
    ] = None,
    shift_dates: Annotated[
        bool,
        typer.Option(
            "--shift-dates",
            help="Shift dates by a random step per patient instead of removing them.",
        ),
    ] = False,
    keep_descriptions: Annotated[
        bool,
        typer.Option("--keep-descriptions", help="Keep the names of series, studies, protocols."),
    ] = False,
) -> None:
    """Copy DICOM images without identifying attributes (PS3.15 basic profile), with new UIDs.

    Pixels are copied unchanged. What may still identify a patient is printed, and listed in
    deidentified.json.
    """
    import secrets

    from inklings.errors import DataError
    from inklings.privacy.deidentify import CANNOT_PROMISE, REPORT, Rules
    from inklings.privacy.deidentify import deidentify as copy

    secret = secrets.token_bytes(32)
    if key is not None:
        try:
            secret = key.read_bytes()
        except OSError as error:
            raise DataError(f"expected a file with a secret at {key}: {error.strerror}") from None
        if len(secret) < 16:
            raise DataError(
                f"expected a secret of at least 16 bytes, got {len(secret)} in {key}; "
                "'openssl rand -hex 32' makes one"
            )
    done = copy(folder, out, Rules(secret, shift_dates, keep_descriptions))
    for reason, count in done.left_out.items():
        typer.echo(f"left out: {count} files: {reason}", err=True)
    for series, reason in done.burned_in.items():
        typer.echo(f"look at the pixels of series {series}: {reason}", err=True)
    typer.echo("what this copy cannot promise:", err=True)
    for line in CANNOT_PROMISE:
        typer.echo(f"- {line}", err=True)
    patients = "1 patient" if done.patients == 1 else f"{done.patients} patients"
    typer.echo(f"{done.images} images of {patients} copied -> {out} ({out / REPORT})")
