"""The ``inklings`` command: one file per subcommand, one line here, in the order of the work."""

from __future__ import annotations

import errno
import functools
import inspect
import math
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from keyword import iskeyword
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from inklings import __version__, progress
from inklings.errors import InklingsError, SpecError
from inklings.renamed import options_renamed

COMMANDS: dict[str, tuple[str, ...]] = {
    "Cohorts": ("import", "phantoms", "check", "split", "select", "join", "cache", "show"),
    "Weak labels": ("weaken", "prior", "study"),
    "Slides": ("tile", "embed"),
    "Models": (
        "plan",
        "recipes",
        "train",
        "crossval",
        "calibrate",
        "predict",
        "merge",
        "refine",
        "bundle",
        "nodules",
    ),
    "Results": ("evaluate", "report", "view", "suggest", "export", "serve", "deidentify"),
    "Start here": ("demo", "doctor"),
}


class _InOrder(TyperGroup):
    """Lists commands in the order of the work; Typer would put those with subcommands last."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Names, group by group."""
        return [name for names in COMMANDS.values() for name in names if name in self.commands]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command, and what was typed behind it; options of before are those of today."""
        command, *words = args
        return super().resolve_command(ctx, [command, *options_renamed(command, words)])


app = typer.Typer(
    cls=_InOrder,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Segmentation and diagnosis of medical images from strong and weak labels.",
)

_REASONS = {
    errno.ENOSPC: "the disk is full; what was finished is kept: free space and run again",
    errno.EDQUOT: "your share of the disk is used up; what was finished is kept: free some",
    errno.EACCES: "no permission to read or write this",
    errno.EPERM: "no permission to read or write this",
    errno.EROFS: "lies on a file system that cannot be written; give another place",
    errno.ENOENT: "there is no such file or folder (any more)",
    errno.ENOTDIR: "expected a folder, got a file",
    errno.EISDIR: "expected a file, got a folder",
    errno.EEXIST: "expected a new or a matching place, there is another thing of this name",
    errno.ENOTEMPTY: "expected an empty folder, it holds other things",
    errno.EIO: "the disk cannot read or write this; copy it from its source, or check the disk",
    errno.ESTALE: "the network drive has lost this; mount it again",
    errno.ENAMETOOLONG: "this name is longer than the file system takes",
    errno.ELOOP: "links that lead in a circle",
    errno.EMFILE: "more files are open than the system allows (ulimit -n); give fewer at once",
}

_QUIET = inspect.Parameter(
    "quiet",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--quiet", help="Show no progress and no notes.")],
)
_DEBUG = inspect.Parameter(
    "debug",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")],
)


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--quiet`` and ``--debug``, and turn its errors into one line and a code.

    Exit codes: 2 for a mistake that the message explains, 130 for Ctrl-C, 143 for
    SIGTERM (a scheduler's time is up), 1 for what should not have happened.
    """
    signature = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def wrapped(*args: Any, quiet: bool = False, debug: bool = False, **options: Any) -> Any:
        progress.silence(quiet)
        try:
            _require_numbers(options)
            _require_one_pool(options)
            return command(*args, **options)
        except (typer.Exit, typer.Abort):
            raise
        except BaseException as error:
            if debug:
                traceback.print_exc()
            raise typer.Exit(_explain(error)) from None

    parameters = [*signature.parameters.values(), _QUIET, _DEBUG]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapped


def _require_numbers(options: Mapping[str, Any]) -> None:
    """Refuse what no option means: NaN, which every comparison lets through, and no length."""
    for name, value in options.items():
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, float) and not math.isfinite(one):
                raise SpecError(f"--{name.replace('_', '-')}: expected a finite number, got {one}")
            if name.endswith(("_mm", "_um")) and isinstance(one, float) and one <= 0:
                raise SpecError(f"--{name.replace('_', '-')}: expected a length above 0, got {one}")
            if name == "seed" and isinstance(one, int) and not 0 <= one < 2**63:
                raise SpecError(f"--seed: expected a whole number from 0 to 2^63 - 1, got {one}")


def _require_one_pool(options: Mapping[str, Any]) -> None:
    """Refuse a number of processes for a cluster, which has its own."""
    workers, scheduler = options.get("workers"), options.get("scheduler")
    if workers is not None and scheduler is not None:
        raise SpecError(
            f"expected --workers or --scheduler, got --workers {workers} and --scheduler "
            f"{scheduler}; a cluster has its own workers: leave one out"
        )


def _explain(error: BaseException) -> int:
    """Print one line about ``error`` and return the exit code."""
    if isinstance(error, InklingsError):
        line, code = str(error), 2
    elif isinstance(error, KeyboardInterrupt | SystemExit):  # Lightning makes one of SIGTERM
        line = "interrupted; run the same command again to resume"
        code = 130 if isinstance(error, KeyboardInterrupt) else 143
    elif isinstance(error, BrokenPipeError):  # whoever read us has seen enough
        sys.stdout = None
        return 0
    elif isinstance(error, OSError) and error.errno in _REASONS:
        where = "" if error.filename is None else f"{error.filename}: "
        line, code = f"{where}{_REASONS[error.errno]}", 2
    elif isinstance(error, MemoryError):
        line, code = "the memory is full; free some, or give smaller images or fewer at once", 2
    else:
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        line, code = f"unexpected {what} (run again with --debug and report it)", 1
    sys.stderr.write(f"inklings: {line}\n")
    return code


def _version(value: bool) -> None:
    if value:
        typer.echo(f"inklings {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Segmentation and diagnosis of medical images from strong and weak labels."""


def _register() -> None:
    for group, names in COMMANDS.items():
        for name in names:
            stem = name + "_" if iskeyword(name) else name
            if find_spec(f"inklings.cli.{stem}") is None:  # not written yet
                continue
            module = import_module(f"inklings.cli.{stem}")
            if isinstance(getattr(module, "app", None), typer.Typer):
                app.add_typer(module.app, name=name, rich_help_panel=group)
            else:
                command = guarded(getattr(module, stem))
                app.command(name, rich_help_panel=group)(command)


def run() -> None:
    """Entry point of the ``inklings`` command."""
    app()


_register()
