"""Test the structure of the package: no import cycles, unique module and class names, existing exports."""

from __future__ import annotations

import ast
import importlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tests.support import ROOT

PACKAGE = ROOT / "factorlab_lake"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A command's module has the name of the part that it serves.
_PARTS = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
# Providers and targets each have a protocol and a registry, and a part with settings has a module for them.
_SAME_IN_EACH_FAMILY = {"protocol", "registry", "settings"}
# Each provider and each target has a folder with the same file names; the names of one folder count.
_FIRST_OF_FAMILY = {"providers": "fmp", "sync": "postgres"}


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _public_classes() -> Iterator[tuple[str, str]]:
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, _module(path)


def test_no_module_imports_itself_over_others() -> None:
    """Imports have no cycle, imports inside functions included."""
    graph = grimp.build_graph("factorlab_lake", cache_dir=None)
    # The package's own entry point loads each public name on first use, and nothing imports it back.
    imports = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules if m != "factorlab_lake"}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as cycle:
        pytest.fail(f"These modules import each other: {cycle.args[1]}")


def test_no_module_is_imported_by_a_text() -> None:
    """No module of the package is imported by a string, which type checkers and linters cannot follow."""
    modules = [_module(p) for p in MODULES if "import_module(" in p.read_text(encoding="utf-8")]
    assert modules == []


def _is_of_another(path: Path) -> bool:
    """Return whether a module is of a plug-in that is not the first of its family."""
    family = path.parent.parent.name
    return family in _FIRST_OF_FAMILY and path.parent.name != _FIRST_OF_FAMILY[family]


def test_no_two_modules_have_one_name() -> None:
    """No two modules have one name, except those of plug-in families, which share file names."""
    first = {p.stem for p in MODULES if p.parent.name in _FIRST_OF_FAMILY.values()}
    modules = [p for p in MODULES if not (_is_of_another(p) and p.stem in first)]
    names = Counter(p.stem for p in modules if p.stem not in {"__init__", "__main__"} | _SAME_IN_EACH_FAMILY)
    assert {name for name, count in names.items() if count > 1} == set()
    outside_cli = {p.stem for p in MODULES if p.parent.name != "cli"}
    assert (outside_cli - _SAME_IN_EACH_FAMILY) & _PARTS == set()


def test_no_folder_has_a_module_of_its_name() -> None:
    """No folder contains a module of the folder's own name."""
    assert [_module(p) for p in MODULES if p.stem == p.parent.name] == []


def test_no_two_public_classes_have_one_name() -> None:
    """No two public classes have one name."""
    homes = defaultdict(list)
    for name, module in _public_classes():
        homes[name].append(module)
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


@pytest.mark.parametrize("path", MODULES, ids=_module)
def test_exports_exist(path: Path) -> None:
    """Every name in ``__all__`` exists, and the list is sorted and free of repetitions."""
    if path.stem == "__main__":
        return
    module = importlib.import_module(_module(path))
    names = getattr(module, "__all__", [])
    assert [name for name in names if not hasattr(module, name)] == []
    assert len(names) == len(set(names))
