"""Data flows one way: a room imports only itself and what stands above it on the page."""

import ast
import pkgutil
import re
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import inklings

ROOT = Path(inklings.__file__).parent
PAGE = ROOT.parents[1] / "docs" / "concepts" / "architecture.md"


def rooms() -> Iterator[tuple[list[str], str]]:
    """Rows of the table of rooms: names of the rooms, and what it says of torch."""
    table = (
        PAGE.read_text(encoding="utf-8").split("| package | contents | torch |")[1].split("\n\n")[0]
    )
    for row in table.splitlines()[2:]:
        _, names, _, torch, _ = (cell.strip() for cell in row.split("|"))
        yield re.findall("`([^`]+)`", names), torch


ORDER = [name for names, _ in rooms() for name in names]
TORCH = {name for names, torch in rooms() if torch == "yes" for name in names} | {
    "data/batches.py", "data/bag_batches.py", "data/instance_augment.py",
    "data/volumes.py",
}  # fmt: skip
# What these import, directly or through others, they could learn from.
LEARNERS = {
    "data", "supervision", "weak", "models", "losses", "runs", "inference", "training", "detection",
    "tasks",
}  # fmt: skip
TRUTH = {"evaluation", "simulation"}
# An application holds both: all of its files learn, but for these, which score, show and export.
AFTER_LEARNING = {
    f"applications/lung_nodules/{name}.py"
    for name in (
        "dicom", "error_analysis", "error_table", "finding_objects", "luna", "malignancy",
        "report", "search", "tuning",
    )
}  # fmt: skip
LIBRARIES = {"numpy", "scipy"}  # which take names away from time to time
# Where an import may stand inside a function: for a fast start, or for an optional package.
LATE_IMPORTS = {
    "cli", "readers", "cohorts/cohort.py", "progress.py", "executors.py",
    "weak/pixel_classifier.py",  # scikit-learn: 90 MiB for a training that has no teacher
    "labels/dicom_ann.py",
    "labels/dicom_seg.py",  # highdicom: a fifth of a second for an import of pictures
}  # fmt: skip


def modules() -> Iterator[tuple[Path, str]]:
    """Files and the package or module of the first level that each belongs to."""
    for path in sorted(ROOT.rglob("*.py")):
        here = path.relative_to(ROOT).with_suffix("").parts[0]
        if here != "__init__":
            yield path, here


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all that is imported; ``from inklings import x`` counts as inklings.x."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module == "inklings":
                yield from (f"inklings.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def inner_packages(path: Path) -> set[str]:
    """First-level packages of inklings that a file imports."""
    names = (name.split(".") for name in imported(tree_of(path)))
    return {n[1] for n in names if n[0] == "inklings" and len(n) > 1 and n[1] in known()}


def known() -> set[str]:
    return {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}


def test_every_package_has_its_place_in_the_order() -> None:
    there = {here for _, here in modules()}
    assert not there - set(ORDER), f"add to {PAGE.name}: {there - set(ORDER)}"
    assert not set(ORDER) - there, f"gone, take out of {PAGE.name}: {set(ORDER) - there}"


def test_imports_point_upwards() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports inklings.{there}"
        for path, here in modules()
        for there in inner_packages(path)
        if ORDER.index(there) > ORDER.index(here)
    ]
    assert not wrong, "\n".join(wrong)


def free_of_torch(name: str) -> bool:
    """Whether a file, given by its path in the package, must work where torch is not imported."""
    return name not in TORCH and name.split("/")[0].removesuffix(".py") not in TORCH


def test_torch_stays_below_the_batch() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, _ in modules()
        for name in imported(tree_of(path))
        if free_of_torch(path.relative_to(ROOT).as_posix())
        and name.split(".")[0]
        in ("torch", "torchvision", "lightning", "timm", "monai", "segmentation_models_pytorch")
    ]
    assert not wrong, "\n".join(wrong)


def files_behind(path: Path) -> set[str]:
    """Files of inklings that an import of this one runs, directly."""
    found = set()
    tree = tree_of(path)
    names = [n for n in imported(tree) if n.split(".")[0] == "inklings"]
    names += [
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("inklings.")
        for alias in node.names
    ]
    for name in names:
        parts = name.split(".")[1:]
        for length in range(1, len(parts) + 1):
            here = ROOT.joinpath(*parts[:length])
            for file in (here.with_suffix(".py"), here / "__init__.py"):
                if file.is_file():
                    found.add(file.relative_to(ROOT).as_posix())
    return found


def test_what_is_free_of_torch_does_not_reach_it_through_others() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {there}, which imports torch"
        for path, _ in modules()
        if free_of_torch(path.relative_to(ROOT).as_posix())
        for there in sorted(files_behind(path))
        if not free_of_torch(there)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_truth_is_out_of_reach_of_all_that_learns() -> None:
    reach: dict[str, set[str]] = {}
    for path, here in modules():
        name = path.relative_to(ROOT).as_posix()
        known = {there for there in files_behind(path) if there != "__init__.py"}
        reach.setdefault(name if here == "applications" else here, set()).update(
            there if there.startswith("applications/") else there.split("/")[0].removesuffix(".py")
            for there in known
        )
    applied = {name for name in reach if name.startswith("applications/")}
    assert applied > AFTER_LEARNING
    for learner in sorted((LEARNERS & reach.keys()) | (applied - AFTER_LEARNING)):
        seen, new = set(), {learner}
        while new:
            seen |= new
            new = set().union(*(reach.get(name, set()) for name in new)) - seen
        out_of_bounds = seen & (TRUTH | AFTER_LEARNING)
        assert not out_of_bounds, f"{learner} reaches {out_of_bounds}"


def calls(tree: ast.AST) -> Iterator[str]:
    """Names of the functions and classes that are called, without what they belong to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr


def test_every_score_passes_the_guard_against_leaks() -> None:
    """Scores come into being in one place, which asks for what only the guard gives."""
    makers: dict[str, set[str]] = {"Scores": set(), "Clearance": set()}
    for path, _ in modules():
        for name in set(calls(tree_of(path))) & makers.keys():
            makers[name].add(path.relative_to(ROOT).as_posix())
    assert makers == {"Scores": {"evaluation/evaluate.py"}, "Clearance": {"cohorts/leaks.py"}}
    tree = ast.parse((ROOT / "evaluation/evaluate.py").read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    (maker,) = [node for node in functions if "Scores" in calls(node)]
    assert "Clearance" in [ast.unparse(a.annotation) for a in maker.args.args if a.annotation]
    assert all("clear" in calls(node) for node in functions if maker.name in calls(node))


def test_labels_of_instances_have_one_writer_and_one_reader() -> None:
    naming = {
        path.relative_to(ROOT).as_posix()
        for path, _ in modules()
        if "INSTANCE_TRUTH" in (text := path.read_text(encoding="utf-8"))
        or "instance_truth.parquet" in text
    }
    assert naming == {"bags/instance_truth.py", "evaluation/instance_truth.py"}


def test_imports_stand_at_the_top() -> None:
    wrong = []
    for path, here in modules():
        name = path.relative_to(ROOT).as_posix()
        if here in LATE_IMPORTS or name in LATE_IMPORTS:
            continue
        for function in ast.walk(tree_of(path)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = (
                    n for n in ast.walk(function) if isinstance(n, ast.Import | ast.ImportFrom)
                )
                wrong += [f"{name}:{node.lineno}" for node in inner]
    assert not wrong, "\n".join(wrong)


def test_commands_import_only_what_is_quick_at_the_top() -> None:
    quick = {
        "__future__", "collections", "contextlib", "dataclasses", "enum", "errno", "functools",
        "importlib", "inspect", "json", "keyword", "math", "os", "pathlib", "sys", "traceback",
        "typing", "typer", "inklings.errors", "inklings.progress", "inklings.renamed",
        "inklings.__version__", "inklings.cli",
    }  # fmt: skip
    wrong = []
    for path in sorted((ROOT / "cli").glob("*.py")):
        for node in tree_of(path).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = set(imported(node))
                slow = {n for n in names if n not in quick and n.split(".")[0] not in quick}
                wrong += [f"cli/{path.name}: {name}" for name in sorted(slow)]
    assert not wrong, "\n".join(wrong)


def test_nobody_probes_what_a_model_or_a_loss_can_do() -> None:
    """It stands in their base classes; a probe by name finds nothing where one is misspelt."""
    probing = {"models", "losses", "supervision", "exports", *LEARNERS}
    wrong = []
    for path, here in modules():
        for node in ast.walk(tree_of(path)):
            if here not in probing or not isinstance(node, ast.Call):
                continue
            named = isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr")
            if named and isinstance(node.args[1], ast.Constant):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert not wrong, "\n".join(wrong)


def test_no_device_is_written_into_the_code() -> None:
    """What a machine has is asked of it; its user chooses with the driver's own variable."""
    wrong = []
    for path, _ in modules():
        for node in ast.walk(tree_of(path)):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            moved = called and node.func.attr == "cuda"
            text = node.value if isinstance(node, ast.Constant) else None
            named = isinstance(text, str) and re.fullmatch(r"cuda:\d+|CUDA_VISIBLE_DEVICES", text)
            if moved or named:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not wrong, "\n".join(wrong)


def roots_of(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Names that imports give to a file, and what stands behind each."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((a.asname or a.name, f"{node.module}.{a.name}") for a in node.names)


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of a name and its attributes; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    inner = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{inner}.{node.attr}" if inner and isinstance(node, ast.Attribute) else ""


def test_nothing_is_used_that_a_library_has_removed() -> None:
    """Every name of NumPy and SciPy in the code is there, and they do not warn of its end."""
    used: dict[str, str] = {}
    for path, _ in modules():
        tree = tree_of(path)
        roots = {k: name for k, name in roots_of(tree) if name.split(".")[0] in LIBRARIES}
        for node in ast.walk(tree):
            first, _, rest = dotted(node).partition(".")
            if rest and first in roots:
                used[f"{roots[first]}.{rest}"] = f"{path.relative_to(ROOT)}:{node.lineno}"
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, where in used.items():
            try:
                pkgutil.resolve_name(name)
            except (AttributeError, ImportError, Warning) as error:
                wrong.append(f"{where}: {name}: {error}")
    assert len(used) > 100
    assert not wrong, "\n".join(wrong)


def test_files_stay_readable() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path, _ in modules()
    }
    assert not {name: n for name, n in lengths.items() if n > 320}
    assert sorted(lengths.values())[len(lengths) // 2] <= 130
