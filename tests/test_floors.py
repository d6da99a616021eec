"""The house's floors: who may import whom. Read from the source, so that a late import counts too."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("models", "train", "analysis")
FLOORS = {  # models/ in full; train/ where the order is part of the design. A module imports from lower floors alone.
    "models.errors": 0,
    "models.files": 0,
    "models.config": 1,
    "models.dropout": 1,
    "models.initialise": 1,
    "models.batch": 1,
    "models.attention": 2,
    "models.encoder": 3,
    "models.arms": 1,
    "models.classifier": 4,
    "models.masked_lm": 4,
    "models.wheel": 1,
    "models.weights_file": 1,
    "models.tokenizer_file": 2,
    "models.hub": 1,
    "models.hub_config": 2,
    "models.key_tables": 2,
    "models.sources": 4,
    "models.pretrained": 5,
    "models.export": 6,
    "models.build": 6,
    "models.fetch": 7,
}
ANALYSIS = ("records", "statistics", "claims", "tables", "figures", "report")  # from the ground up; commands on top
SIBLINGS = ("optim", "schedule", "precision", "stopping", "freeze", "distributed", "seeds")  # each stands alone


def modules() -> dict[str, Path]:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found & set(modules())


GRAPH = {name: imports(path) for name, path in modules().items()}


def test_no_package_imports_a_higher_one():
    for name, used in GRAPH.items():
        floor = PACKAGES.index(name.split(".")[0])
        probe = name.startswith("analysis.probes.")
        for other in used:
            assert PACKAGES.index(other.split(".")[0]) <= floor, f"{name} imports {other}"
            if name.startswith("analysis.") and not probe:
                assert not other.startswith("models.") or other == "models.errors", f"{name} imports {other}"
                assert other not in ("train.loop", "train.session"), f"{name} imports {other}"


def test_models_import_from_lower_floors_alone():
    assert {name for name in GRAPH if name.startswith("models.")} - {"models.__init__"} == set(FLOORS)
    for name, floor in FLOORS.items():
        for other in GRAPH[name]:
            assert FLOORS[other] < floor, f"{name} (floor {floor}) imports {other} (floor {FLOORS[other]})"


def test_analysis_imports_from_its_own_floor_and_lower_ones_alone():
    def floor(name: str) -> int:
        part = name.split(".")[1]
        return ANALYSIS.index(part) if part in ANALYSIS else len(ANALYSIS)

    inside = {name for name in GRAPH if name.startswith("analysis.") and not name.startswith("analysis.probes.")}
    assert {name.split(".")[1] for name in inside if name.count(".") > 1} == set(ANALYSIS)
    for name in inside:
        for other in GRAPH[name] & inside:
            assert floor(other) <= floor(name), f"{name} imports {other}"


def test_siblings_do_not_know_each_other():
    for name in SIBLINGS:
        assert not GRAPH[f"train.{name}"] & {f"train.{other}" for other in SIBLINGS}


def test_there_is_no_circle():
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for other in GRAPH[name]:
                visit(other, (*path, name))
            done.add(name)

    for name in GRAPH:
        visit(name, ())


def test_packages_are_listed_and_their_init_files_empty():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    inits = [path for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")]
    assert sorted(listed) == sorted(".".join(path.parent.relative_to(ROOT).parts) for path in inits)
    assert all(path.stat().st_size == 0 for path in inits)


def test_no_module_hides_a_library():
    assert not {name.split(".")[-1] for name in GRAPH} & {"datasets", "tokenizers", "types"}


def test_files_and_functions_stay_short():
    lengths = []
    for path in [*modules().values(), *(ROOT / "tests").glob("*.py")]:
        source = path.read_text(encoding="utf-8")
        assert source.count("\n") <= 250, f"{path.name} has {source.count(chr(10))} lines, more than 250"
        functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        if path.parent.name != "tests":
            lengths += [(node.end_lineno or 0) - node.lineno + 1 for node in functions]
    lengths.sort()
    assert lengths[len(lengths) // 2] <= 12
    assert lengths[len(lengths) * 9 // 10] <= 40
    assert lengths[-1] <= 80
