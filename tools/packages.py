"""The packages of engine/ and service/ as their files tell: modules, docstrings, imports.

Nothing is imported to find out: the files are parsed.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
CONTAINERS = ("engine", "service")

Graph = Mapping[str, frozenset[str]]


class Module(NamedTuple):
    """A module by its dotted name; a package is the module of its `__init__.py`."""

    name: str
    path: Path
    is_package: bool

    @property
    def package(self) -> str:
        """The package that it belongs to; a package belongs to itself."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def docstring(self) -> str:
        """What its file says about itself, or nothing."""
        return ast.get_docstring(_tree(self.path)) or ""


class Import(NamedTuple):
    """One name that `importer` takes from the module `source`; no name means the whole module."""

    importer: Module
    source: Module
    name: str


@cache
def modules() -> Mapping[str, Module]:
    """Give every module of engine/ and service/ by its dotted name."""
    found = (_module(path) for top in CONTAINERS for path in sorted((ROOT / top).rglob("*.py")))
    return {module.name: module for module in found}


def packages() -> list[Module]:
    """Return the packages, a package before those inside it."""
    return [module for module in modules().values() if module.is_package]


def unit(module: Module) -> str:
    """Name what stands directly in engine/ or service/: a package with all inside it, or a file."""
    return ".".join(module.name.split(".")[:2])


def imports() -> Iterator[Import]:
    """Give every import of a module of ours by another, at the top of a file or inside."""
    for module in modules().values():
        for node in ast.walk(_tree(module.path)):
            for name, part in _imported(node):
                if name in modules():
                    yield Import(module, modules()[name], part)


def _imported(node: ast.AST) -> list[tuple[str, str]]:
    """Return the modules that a statement imports from, each with the name that it takes."""
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "", alias.name) for alias in node.names]
    return [(alias.name, "") for alias in node.names] if isinstance(node, ast.Import) else []


def exported(package: Module) -> frozenset[str]:
    """Return what a package lists in `__all__`."""
    for node in _tree(package.path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(node.value))
    return frozenset()


def dependencies(container: str) -> Graph:
    """Return which packages each package directly inside a container uses, leaving out files.

    What it uses of another container counts as that container.
    """
    found: dict[str, set[str]] = {
        package.name: set()
        for package in packages()
        if unit(package) == package.name != container and _is_in(container, package)
    }
    for each in imports():
        importer, source = unit(each.importer), _seen_from(container, each.source)
        if importer in found and source != importer and (source in found or source in CONTAINERS):
            found[importer].add(source)
    others = set().union(*found.values()) - found.keys() - {container}
    return {
        name: frozenset(found.get(name, set()) - {container}) for name in sorted({*found, *others})
    }


def reduced(graph: Graph) -> Graph:
    """Leave out each arrow that other arrows imply: the transitive reduction."""
    below = {name: _reachable(graph, name) for name in graph}
    return {
        name: frozenset(
            one for one in direct if not any(one in below[other] for other in direct - {one})
        )
        for name, direct in graph.items()
    }


def _reachable(graph: Graph, name: str) -> frozenset[str]:
    """Return what a package uses, directly or through others."""
    return graph[name].union(*(_reachable(graph, each) for each in graph[name]))


def _is_in(container: str, module: Module) -> bool:
    return module.name.startswith(f"{container}.")


def _seen_from(container: str, module: Module) -> str:
    return unit(module) if _is_in(container, module) else module.name.partition(".")[0]


def _module(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    return Module(".".join(parts[:-1] if is_package else parts), path, is_package)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())
