"""The ``inklings`` command: one file per subcommand, one line here, in the order of the work."""

from __future__ import annotations

import errno
import functools
import inspect
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from keyword import iskeyword
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from inklings import __version__, progress
from inklings.errors import InklingsError

COMMANDS: dict[str, tuple[str, ...]] = {
    "Cohorts": ("import", "phantoms", "check", "split", "select", "cache", "show"),
    "Weak labels": ("weaken", "prior", "study"),
    "Slides": ("tile", "embed"),
    "Models": ("train", "crossval", "predict", "nodules"),
    "Results": ("evaluate", "report", "view", "export", "deidentify"),
    "Start here": ("demo", "doctor"),
}


class _InOrder(TyperGroup):
    """Lists commands in the order of the work; Typer would put those with subcommands last."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Names, group by group."""
        return [name for names in COMMANDS.values() for name in names if name in self.commands]


app = typer.Typer(
    cls=_InOrder,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Segmentation and diagnosis of medical images from strong and weak labels.",
)

_QUIET = inspect.Parameter(
    "quiet",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--quiet", help="No progress, no notes.")],
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


def _explain(error: BaseException) -> int:
    """Print one line about ``error`` and return the exit code."""
    if isinstance(error, InklingsError):
        line, code = str(error), 2
    elif isinstance(error, KeyboardInterrupt | SystemExit):  # Lightning makes one of SIGTERM
        line = "interrupted; run the same command again to go on where it stopped"
        code = 130 if isinstance(error, KeyboardInterrupt) else 143
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        line, code = "the disk is full; what was finished is kept: free space and run again", 2
    elif isinstance(error, BrokenPipeError):  # whoever read us has seen enough
        sys.stdout = None
        return 0
    elif isinstance(error, PermissionError):
        line, code = f"no permission to read or write {error.filename}", 2
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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
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
