"""``inklings import NAME`` for every dataset: its command is made from the fields of its class."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperGroup

from inklings.cli import choosing, guarded

if TYPE_CHECKING:
    from inklings.datasets.dataset import Argument, Option

_ANNOTATES = typer.Option(
    "--annotates",
    help="Classes that were annotated, between commas, if not all; or a table with the "
    "columns case, class, annotated.",
)
_OUT = typer.Option("--out", "-o", help="New cohort folder; an interrupted import is resumed.")


class Datasets(TyperGroup):
    """Its own commands, and one for each dataset, also of other packages."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Datasets first."""
        from inklings.datasets import DATASETS

        mine = super().list_commands(ctx)
        return [*(name for name in DATASETS if name not in mine), *mine]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; None if there is none."""
        from inklings.datasets import DATASETS

        found = super().get_command(ctx, cmd_name)
        if found is not None or cmd_name not in DATASETS:
            return found
        try:
            return command_of(cmd_name)
        except Exception as error:  # one package that is broken leaves the others their commands
            return _refusing(cmd_name, f"{type(error).__name__}: {' '.join(str(error).split())}")


def command_of(name: str) -> Any:
    """The command that imports the dataset of that name."""
    from inklings.datasets import DATASETS
    from inklings.datasets.dataset import options_of
    from inklings.datasets.given import built

    dataset: Any = DATASETS.get(name)
    _require_dataset(name, dataset)
    options = options_of(dataset)

    def run(
        out: Path,
        workers: int | None = None,
        scheduler: str | None = None,
        annotates: str | None = None,
        **given: Any,
    ) -> None:
        _import(built(name, dataset, given), out, workers, scheduler, annotates)

    hints = get_type_hints(dataset)
    fields = {field.name: field for field in dataclasses.fields(dataset)}
    known = [_parameter(fields[key], hints[key], said) for key, said in options.items()]
    known += [
        inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Path, _OUT]),
        *(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for name, kind in (
                ("annotates", Annotated[str | None, _ANNOTATES]),
                ("workers", choosing.WORKERS),
                ("scheduler", choosing.SCHEDULER),
            )
        ),
    ]
    run.__signature__ = inspect.Signature(known)  # type: ignore[attr-defined]
    run.__doc__ = _help(dataset)
    small = typer.Typer(add_completion=False)
    small.command(name)(guarded(run))
    return typer.main.get_command(small)


def _refusing(name: str, reason: str) -> Any:
    """A command that says why there is none."""

    def run() -> None:
        from inklings.errors import SpecError

        raise SpecError(f"the dataset {name!r} of another package cannot be used: {reason}")

    run.__doc__ = "Cannot be used: its package is broken."
    small = typer.Typer(add_completion=False)
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    small.command(name, context_settings=anything)(guarded(run))
    return typer.main.get_command(small)


def _require_dataset(name: str, dataset: Any) -> None:
    """A class of another package that is no dataset is told, and not met half way."""
    from inklings.errors import SpecError

    needed = ("options", "settled", "items", "prepare", "convert", "finish", "noun")
    missing = [part for part in needed if not hasattr(dataset, part)]
    if missing or not dataclasses.is_dataclass(dataset):
        what = f"no {', '.join(missing)}" if missing else "no dataclass"
        raise SpecError(
            f"dataset {name!r}: expected a dataclass that is inklings.datasets.dataset.Plain, got "
            f"{what}"
        )


def _help(dataset: type[Any]) -> str:
    """The docstring without what is for readers of the code."""
    text = inspect.cleandoc(dataset.__doc__ or "")
    return text.split("\n\nAttributes:\n")[0].replace("``", "")


def _parameter(
    field: dataclasses.Field[Any], hint: Any, said: Argument | Option
) -> inspect.Parameter:
    """One option of the command line, as Typer reads it."""
    from inklings.datasets.dataset import Argument

    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    default = inspect.Parameter.empty if required else field.default
    if isinstance(said, Argument):
        kind: Any = Annotated[_bare(hint), typer.Argument(help=said.help)]
        return inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
        )
    flag = said.flag or f"--{field.name.strip('_').replace('_', '-')}"
    option = typer.Option(flag, help=said.help, min=said.least, max=said.most)
    if said.parse is not None or _is_list(hint):
        what: Any = list[str] if said.repeat or said.parse is None else str
        hint, default = (what, default) if required else (what | None, None)
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[hint, option],
    )


def _bare(hint: Any) -> Any:
    """``Path`` for ``Path | None``."""
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0] if type(None) in get_args(hint) and len(kinds) == 1 else hint


def _is_list(hint: Any) -> bool:
    """Whether it is ``tuple[str, ...]``: given once for each."""
    return get_origin(hint) is tuple and Ellipsis in get_args(hint)


def _import(
    dataset: Any, out: Path, workers: int | None, scheduler: str | None, annotates: str | None
) -> None:
    """Run the import, say what came of it, and exit with 3 if cases were left out."""
    from inklings.datasets.importing import run
    from inklings.datasets.words import lines

    report = run(dataset.settled(typer.echo, _agrees), out, workers, scheduler, annotates)
    for line in lines(report, out):
        typer.echo(line)
    if report.left_out:
        raise typer.Exit(3)


def _agrees(question: str) -> bool:
    return sys.stdin.isatty() and typer.confirm(question)
