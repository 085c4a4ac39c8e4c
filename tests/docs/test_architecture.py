"""ARCHITECTURE.md is current, and the code keeps to the layout that it describes."""

import re
from collections import Counter

import pytest

from tools.architecture import DRAWING, PAGE, draw, page, said
from tools.layout import lay_out
from tools.packages import (
    CONTAINERS,
    ROOT,
    Import,
    dependencies,
    exported,
    imports,
    modules,
    packages,
    reduced,
    unit,
)

MOST_LINES, MOST_MODULES = 400, 12
CODE = ("bench", "engine", "gallery", "service", "tests", "tools")
FOLDERS = (*CODE, "deploy", "docs")
PAGES = ["ARCHITECTURE.md", "CONTRIBUTING.md"]


def test_the_diagram_is_that_of_the_imports() -> None:
    assert DRAWING.read_text() == draw(), "run `make architecture`"


def test_the_table_is_that_of_the_docstrings() -> None:
    assert PAGE.read_text() == page(PAGE.read_text()), "run `make architecture`"


@pytest.mark.parametrize("name", PAGES)
def test_every_path_that_is_named_exists(name: str) -> None:
    text = (ROOT / name).read_text()
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", text)
    assert len(named) > 3
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_package_says_what_it_is_about() -> None:
    assert [each.name for each in packages() if not each.docstring] == []


def test_every_package_says_what_it_does_not_know() -> None:
    parts = [each for each in packages() if exported(each) and each.name.count(".") == 1]
    assert [each.name for each in parts if not said(each)[1]] == []


def test_no_file_is_long() -> None:
    paths = [
        path
        for top in CODE
        for path in (ROOT / top).rglob("*.py")
        if "rivals" not in path.parts  # what others wrote
    ]
    paths += ROOT.glob("service/**/*.sql")
    length = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in paths}
    assert len(length) > 100
    assert {name: lines for name, lines in length.items() if lines > MOST_LINES} == {}


def test_no_folder_is_crowded() -> None:
    count = Counter(module.package for module in modules().values() if not module.is_package)
    assert {name: files for name, files in count.items() if files > MOST_MODULES} == {}


def is_through_the_package(each: Import) -> bool:
    """Return whether an import keeps to the rule: from another package, take what it exports.

    A whole module of it may be taken by its name. The files directly in engine/ and service/
    are open to all, and so are those of a package that exports nothing, because loading one of
    its parts must not load the others.
    """
    importer, source = each.importer, each.source
    if unit(importer) == unit(source) or (source.package in CONTAINERS and not source.is_package):
        return True
    if source.is_package:
        whole = not each.name or f"{source.name}.{each.name}" in modules()
        return whole or each.name in exported(source)
    return not exported(modules()[source.package])


def test_packages_are_imported_by_what_they_export() -> None:
    found = list(imports())
    assert len(found) > 500
    wrong = [each for each in found if not is_through_the_package(each)]
    assert sorted({f"{each.importer.name} <- {each.source.name}" for each in wrong}) == []


def test_an_import_past_a_package_is_found() -> None:
    def keeps(importer: str, source: str, name: str) -> bool:
        return is_through_the_package(Import(modules()[importer], modules()[source], name))

    assert keeps("service.api.intake", "engine.schema", "parse")
    assert keeps("engine.schema.job", "engine.schema.scalars", "Number")
    assert not keeps("service.api.intake", "engine.schema.parsing", "parse")
    assert not keeps("service.api.intake", "engine.schema", "no_such_name")


@pytest.mark.parametrize("container", CONTAINERS)
def test_imports_make_no_circle_and_every_arrow_points_down(container: str) -> None:
    graph = dependencies(container)
    places = lay_out(reduced(graph)).nodes
    assert places.keys() == graph.keys()
    for name, used in graph.items():
        assert all(places[name][1] < places[each][1] for each in used), name
