"""The gallery: it shows all there is, every image is there, and a browser loads them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from enum import Enum
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from engine.schema import TYPES, Flag, Format, Job, Length
from engine.sources import TRAITS
from gallery.build import build
from gallery.examples import CHAINS, GALLERY, SAVING, Panel
from gallery.page import shown

COMMITTED = Path(__file__).parents[2] / "docs" / "gallery" / "index.html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE = 360


class Page(HTMLParser):
    """What a page refers to, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.images: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.tags: set[str] = set()
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.add(tag)
        self.anchors.add(attributes.get("id") or "")
        if tag == "img":
            self.images.append(attributes["src"] or "")
        self.links += [
            attributes[name] or "" for name in ("href", "srcset", "action") if name in attributes
        ]

    @property
    def examples(self) -> list[Any]:
        found = re.findall(r"<pre><code>(.*?)</code></pre>", self.text, re.DOTALL)
        return [json.loads(unescape(re.sub("</?b>", "", code))) for code in found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("docs") / "gallery").parent


def panels() -> Iterator[Panel]:
    for group in (*GALLERY.values(), CHAINS, SAVING):
        yield from group


def test_every_image_is_there_and_decodes(folder: Path) -> None:
    images = Page(folder / "index.html").images
    assert len(images) > sum(len(panel.jobs) for panel in panels())
    for name in set(images):
        with Image.open(folder / name) as image:
            image.load()
    assert {path.name for path in folder.iterdir()} == {*images, "index.html", "style.css"}


def test_nothing_comes_from_elsewhere(folder: Path) -> None:
    page = Page(folder / "index.html")
    assert "script" not in page.tags
    for link in page.links:
        path, _, anchor = link.partition("#")
        assert path in {"", "style.css", "data:,", "../api.md"}
        if not path:
            assert anchor in page.anchors
    assert "url(" not in (folder / "style.css").read_text()
    assert "@import" not in (folder / "style.css").read_text()


def test_every_transformation_has_its_group() -> None:
    assert list(GALLERY) == list(TYPES)
    for name, group in GALLERY.items():
        steps = [step for panel in group for job in panel.jobs for step in job["transformations"]]
        assert {step["type"] for step in steps} == {name}


@pytest.mark.parametrize("name", TYPES)
def test_every_option_and_each_of_its_values_has_an_example(name: str) -> None:
    jobs = [job for panel in GALLERY[name] for job in panel.jobs]
    steps = [step for job in jobs for step in job["transformations"]]
    for field in msgspec.structs.fields(TYPES[name]):
        given = [step[field.encode_name] for step in steps if field.encode_name in step]
        assert given, f"no example has {field.encode_name!r}"
        _check_values(field.encode_name, field.type, given)


def _check_values(option: str, hint: Any, given: list[Any]) -> None:
    for kind in getattr(hint, "__args__", (hint,)):
        if isinstance(kind, type) and issubclass(kind, Enum):
            assert {each.value for each in kind} <= set(given), option
        elif kind is Flag:
            assert {True, False} <= set(given), option


@pytest.mark.parametrize("kind", Length.__subclasses__())
def test_every_unit_has_an_example(kind: type[Length]) -> None:
    steps = [step for panel in panels() for job in panel.jobs for step in job["transformations"]]
    given = [
        str(step[field.encode_name])
        for step in steps
        for field in msgspec.structs.fields(TYPES[step["type"]])
        if kind in getattr(field.type, "__args__", (field.type,)) and field.encode_name in step
    ]
    assert {length.lstrip("+-.0123456789") for length in given} == {"", *kind.units}


def test_everything_a_job_says_has_an_example() -> None:
    jobs = [job for panel in SAVING for job in panel.jobs]
    for field in msgspec.structs.fields(Job):
        given = [job[field.encode_name] for job in jobs if field.encode_name in job]
        assert given, f"no example has {field.encode_name!r}"
        if field.name == "format":
            assert {Format(name) for name in given} == set(TRAITS)
        else:
            _check_values(field.encode_name, field.type, given)


def test_the_page_shows_every_example_as_it_was_written(folder: Path) -> None:
    written = [shown(job) for panel in panels() for job in panel.jobs]
    assert Page(folder / "index.html").examples == written


def test_the_page_in_docs_is_the_one_that_is_built() -> None:
    """After a change of the examples: `make gallery`, and commit docs/gallery."""
    page = Page(COMMITTED)
    assert page.examples == [shown(job) for panel in panels() for job in panel.jobs]
    assert all((COMMITTED.parent / name).is_file() for name in page.images)


PROBE = """<!doctype html><iframe src="index.html" width="%d" height="800"></iframe><script>
onload = async () => {
  const page = document.querySelector("iframe").contentDocument, images = [...page.images];
  for (const image of images) image.loading = "eager";
  await Promise.all(images.map(image => image.complete || new Promise(
    done => { image.onload = image.onerror = done; })));
  document.title = JSON.stringify({
    widths: images.map(image => [image.getAttribute("src"), image.naturalWidth]),
    room: page.documentElement.clientWidth, needed: page.documentElement.scrollWidth,
    styled: page.styleSheets[0].cssRules.length,
  });
};
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_loads_every_image_and_the_page_fits_a_phone(
    folder: Path, tmp_path: Path
) -> None:
    page = Page(folder / "index.html")
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "probe.html").write_text(PROBE % PHONE)
    seen = json.loads(_title(tmp_path / "probe.html", tmp_path / "profile"))
    assert [name for name, _ in seen["widths"]] == page.images
    for name, width in seen["widths"]:
        with Image.open(folder / name) as image:
            assert width == image.width, name
    assert seen["styled"] > 10
    assert seen["needed"] <= seen["room"] <= PHONE


def _title(page: Path, profile: Path) -> str:
    """Open a page in a browser that reaches no network, and give the title it comes to."""
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
            "--allow-file-access-from-files", "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=20000", f"--user-data-dir={profile}", page.as_uri(),
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    found = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert found, done.stderr
    return unescape(found[1])
