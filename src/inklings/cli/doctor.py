"""``inklings doctor``: what this machine can do, and what training on a cohort needs of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

_PACKAGES = ("torch", "lightning", "numpy", "scipy", "scikit-image", "pillow", "pyarrow")
_GIGABYTE = 2**30


def doctor(
    cohort: Annotated[
        Path | None,
        typer.Argument(help="A cohort with a split: also forecast what training on it needs here."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Show what this machine can do, and how to install what is missing."""
    import json

    report = examine(Path.cwd())
    if not as_json:
        typer.echo("\n".join(_lines(report)))
    if cohort is not None:
        from inklings.library.planning import needs

        report["plan"] = needs(cohort)
        if not as_json:
            typer.echo("\n".join(("", *report["plan"])))
    if as_json:
        typer.echo(json.dumps(report, indent=2))


def examine(folder: Path) -> dict[str, Any]:
    """Everything `doctor` says, as one record; ``folder`` is where runs would be written."""
    import platform

    from inklings import __version__, machine

    memory, available = machine.memory_bytes()
    _, free = machine.disk_bytes(folder)
    return {
        "inklings": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": machine.processor(),
        "cores": machine.cores(),
        "memory_gb": round(memory / _GIGABYTE, 1),
        "memory_available_gb": round(available / _GIGABYTE, 1),
        "disk_free_gb": round(free / _GIGABYTE, 1),
        **_devices(),
        "openslide": machine.openslide_problem() or "works",
        "versions": {name: machine.version(name) for name in _PACKAGES},
        "extras": {
            name: {"brings": extra.brings, "missing": list(extra.missing)}
            for name, extra in machine.EXTRAS.items()
        },
    }


def _devices() -> dict[str, Any]:
    """GPUs with their memory, and whether what trains here multiplies in bf16."""
    import torch

    from inklings.inference.device import best_device, native_bf16

    devices = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    gpus = [{"name": d.name, "memory_gb": round(d.total_memory / _GIGABYTE, 1)} for d in devices]
    return {"gpus": gpus, "bf16": native_bf16(best_device())}


def _lines(report: dict[str, Any]) -> list[str]:
    gpus = ", ".join(f"{gpu['name']} ({gpu['memory_gb']:.0f} GB)" for gpu in report["gpus"])
    bf16 = "in hardware" if report["bf16"] else "not in hardware; trains in fp32"
    rows = {
        "inklings": f"{report['inklings']} on Python {report['python']}, {report['system']}",
        "processor": f"{report['processor']}, {report['cores']} cores",
        "memory": f"{report['memory_available_gb']} GB free of {report['memory_gb']} GB",
        "disk": f"{report['disk_free_gb']} GB free here",
        "GPU": gpus or "none: training runs on the processor",
        "bf16": bf16,
        "OpenSlide": report["openslide"],
        "versions": ", ".join(f"{k} {v or 'missing'}" for k, v in report["versions"].items()),
    }
    lines = [f"{name:<10} {text}" for name, text in rows.items()]
    for name, extra in report["extras"].items():
        state = "installed" if not extra["missing"] else f"pip install 'inklings[{name}]'"
        lines.append(f"{name:<10} {state}  ({extra['brings']})")
    return lines
