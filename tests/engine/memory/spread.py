"""Images and plans to measure: every type, format and kind of source, small and large."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyvips
from PIL import Image

from bench.sources import photo
from tests.engine import heic_files
from tests.engine.images import Json, Pixels, noise
from tests.engine.memory.measure import Case
from tests.engine.tiff_files import Tiff

SIZES = {"small": (320, 240), "middle": (1600, 1200), "large": (4000, 3000)}


class Plan(NamedTuple):
    """A case and its name."""

    name: str
    case: Case


class Images:
    """Files in a folder, made when they are first asked for.

    A name is content, size and kind, such as ``photo-large-progressive.jpg``; the contents are
    ``photo``, ``translucent`` (with alpha), ``noise`` and ``flat``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str) -> str:
        """Return the path of an image."""
        path = self.folder / name
        if not path.exists():
            stem, _, ending = name.partition(".")
            content, size, *kind = stem.split("-")
            _write(pixels(content, *SIZES[size]), path, ending, "".join(kind))
        return str(path)


@cache
def pixels(content: str, width: int, height: int) -> Pixels:
    """Make the pixels of an image."""
    match content:
        case "noise":
            return noise(width, height)
        case "flat":
            return np.full((height, width, 3), (90, 120, 30), np.uint8)
        case "flatveiled":
            return np.full((height, width, 4), (90, 120, 30, 128), np.uint8)
    seen = np.asarray(photo(width, height, 1))
    if content == "photo":
        return seen
    down, across = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    cover = np.clip(1.3 - np.hypot(down, across), 0, 1) * 255
    return np.dstack([seen, cover.astype(np.uint8)])


TIFFS: dict[str, Callable[[Pixels], Tiff]] = {
    "strip": lambda array: Tiff(array, rows=len(array), compression=8),
    "planes": lambda array: Tiff(array, rows=len(array), compression=8, planar=True),
    "tiles": lambda array: Tiff(array, tile=(1024, 1024), compression=8),
    "packed": lambda array: Tiff(array.astype(np.uint16) << 4, bits=12, rows=16, compression=8),
    "lab": lambda array: Tiff(array, photometric=8, rows=len(array), extras=[2]),
    "premultiplied": lambda array: Tiff(array, rows=16, extras=[1], compression=8),
}


def _write(array: Pixels, path: Path, ending: str, kind: str) -> None:
    image = Image.fromarray(array)
    vips = pyvips.Image.new_from_array(array).copy(interpretation="srgb")
    match kind, ending:
        case "moving", _:
            stills = [Image.fromarray(np.roll(array, 9 * turn, 1)) for turn in range(8)]
            stills[0].save(path, save_all=True, append_images=stills[1:], duration=80, method=0)
        case "interlaced", "png":
            vips.pngsave(str(path), interlace=True, compression=1)
        case "progressive", "jpg":
            image.save(path, quality=90, progressive=True)
        case "deep", _:
            deep = (vips.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
            deep.write_to_file(str(path))
        case ("CMYK" | "L") as mode, _:
            image.convert(mode).save(path, quality=90)
        case kind, "tif" if kind in TIFFS:
            path.write_bytes(bytes(TIFFS[kind](array)))
        case _, "avif":
            vips.heifsave(str(path), compression="av1", effort=0, Q=80)
        case _, "gif":
            image.quantize(256).save(path)
        case _:
            image.save(path, quality=90, compress_level=1, method=0)


TYPES: dict[str, list[Json]] = {
    "nothing": [],
    "annotation": [{"type": "annotation", "text": "Hello world", "size": 60}],
    "caption": [
        {
            "type": "annotation",
            "text": "Hello wide world " * 20,
            "size": 30,
            "width": "80%",
            "background": "#00000080",
            "padding": 20,
            "gravity": "south",
        }
    ],
    "stroke": [
        {
            "type": "annotation",
            "text": "Hello world",
            "size": 60,
            "stroke_color": "#fff",
            "stroke_width": 4,
        }
    ],
    "turned text": [
        {
            "type": "annotation",
            "text": "Hello world",
            "size": 90,
            "degrees": 30,
            "opacity": 5,
            "background": "#fff",
        }
    ],
    "other scripts": [{"type": "annotation", "text": "漢字 العربية ไทย", "size": 30}],
    "fine blur": [{"type": "blur", "sigma": 2}],
    "blur": [{"type": "blur", "sigma": 8}],
    "great blur": [{"type": "blur", "sigma": 50}],
    "greatest blur": [{"type": "blur", "sigma": 218, "radius": 465}],
    "brightness": [{"type": "brightness", "bright_level": 20}],
    "colorize": [{"type": "colorize", "red": 9}],
    "contrast": [{"type": "contrast", "level": 9}],
    "smart crop": [{"type": "crop", "width": 800, "height": 600, "gravity": "smart"}],
    "crop": [{"type": "crop", "width": 800, "height": 600}],
    "enhance": [{"type": "enhance"}],
    "sepia": [{"type": "filter", "filter": "sepia"}],
    "edgedetect": [{"type": "filter", "filter": "edgedetect"}],
    "emboss": [{"type": "filter", "filter": "emboss"}],
    "smooth": [{"type": "filter", "filter": "smooth"}],
    "blurselective": [{"type": "filter", "filter": "blurselective"}],
    "letterbox": [{"type": "fitmethod", "fit_type": "letterbox", "width": 1000, "height": 1000}],
    "enlarged window": [
        {"type": "fitmethod", "fit_type": "cropbox", "width": "120%", "height": "30%"}
    ],
    "gamma": [{"type": "gamma", "level": 2.2}],
    "mirror": [{"type": "flip", "direction": "x"}],
    "upside down": [{"type": "flip", "direction": "y"}],
    "modulate": [{"type": "modulate", "saturation": 150, "hue": 20}],
    "normalize": [{"type": "normalize"}],
    "pad": [{"type": "pad", "width": 50, "color": "#fff"}],
    "pad around half": [{"type": "pad", "width": 50, "color": "#fff", "opacity": 5}],
    "pixelate": [{"type": "pixelate", "size": 20}],
    "great blocks": [{"type": "pixelate", "size": 300}],
    "half": [{"type": "resize", "width": "50%"}],
    "thumbnail": [{"type": "resize", "width": 200}],
    "larger": [{"type": "resize", "width": "120%"}],
    "quarter": [{"type": "rotate", "degrees": 90}],
    "rotate": [{"type": "rotate", "degrees": 20}],
    "filled": [{"type": "rotate", "degrees": 20, "color": "#fff", "opacity": 10}],
    "round": [{"type": "round", "radius": 40}],
    "circle": [{"type": "round", "radius": "50%"}],
    "sharpen": [{"type": "sharpen"}],
    "sharpen much": [{"type": "sharpen", "sigma": 10, "threshold": 5}],
    "half, sharpen": [{"type": "resize", "width": "50%"}, {"type": "sharpen"}],
    "trim": [{"type": "trim"}],
    "ulb": [{"type": "ulb"}],
    "watermark": [{"type": "watermark", "source": "mark", "width": "20%"}],
    "tiles": [{"type": "watermark", "source": "mark", "width": "20%", "tile": True}],
    "small tiles": [
        {
            "type": "watermark",
            "source": "mark",
            "width": 9,
            "tile": True,
            "spacing": 5,
            "opacity": 4,
        }
    ],
    "turned watermark": [{"type": "watermark", "source": "mark", "width": "60%", "degrees": 20}],
    "blend": [{"type": "watermark", "source": "mark", "width": "20%", "blend": "soft-light"}],
    "great blend": [{"type": "watermark", "source": "mark", "width": "90%", "blend": "overlay"}],
    "blended tiles": [
        {"type": "watermark", "source": "mark", "width": "20%", "tile": True, "blend": "multiply"}
    ],
    "great watermark": [{"type": "watermark", "source": "mark", "width": "90%"}],
    "zoom": [{"type": "zoom", "width": 300, "level": 2}],
}
CHAINS: dict[str, list[Json]] = {
    "rotate, half": [*TYPES["rotate"], *TYPES["half"]],
    "rotate, blur": [*TYPES["rotate"], *TYPES["blur"]],
    "enhance, blur": [*TYPES["enhance"], *TYPES["blur"]],
    "rotate, watermark": [*TYPES["rotate"], *TYPES["watermark"]],
    "half, watermark, annotation": [*TYPES["half"], *TYPES["watermark"], *TYPES["annotation"]],
}
LONG_CHAINS: dict[str, list[Json]] = {
    "twenty texts": [
        {"type": "annotation", "text": f"Text {at}", "size": 20, "yoffset": 9 * at - 90}
        for at in range(20)
    ],
    "eight watermarks": [
        {"type": "watermark", "source": "mark", "xoffset": 30 * at} for at in range(8)
    ],
    "ten blurs": 10 * TYPES["fine blur"],
    "twenty masks": 20 * TYPES["smooth"],
    "three times enhanced": 3 * TYPES["enhance"],
    "six turns": [{"type": "rotate", "degrees": 3 + at} for at in range(6)],
    "all kinds": 4 * [*TYPES["blur"], *TYPES["edgedetect"], *TYPES["mirror"], *TYPES["watermark"]],
}
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("jpg", {}),
    "fine jpeg": ("jpg", {"quality": 95}),
    "searched jpeg": ("jpg", {"quality": "auto"}),
    "limited jpeg": ("jpg", {"max_bytes": 50_000_000}),
    "described jpeg": ("jpg", {"describe": ["palette", "thumbhash", "blurhash"]}),
    "progressive jpeg": ("jpg", {"options": {"progressive": True}}),
    "trellis jpeg": ("jpg", {"options": {"trellis": True}}),
    "png": ("png", {}),
    "interlaced png": ("png", {"options": {"progressive": True}}),
    "palette png": ("png", {"options": {"palette": True}}),
    "webp": ("webp", {}),
    "searched webp": ("webp", {"quality": "auto"}),
    "described webp": ("webp", {"describe": "palette"}),
    "lossless webp": ("webp", {"options": {"lossless": True}}),
    "small webp": ("webp", {"options": {"effort": 4}}),
    "smallest webp": ("webp", {"options": {"effort": 6}}),
    "sharp webp": ("webp", {"options": {"sharp": True}}),
    "described png": ("png", {"describe": "blurhash"}),
    "gif": ("gif", {}),
    "described gif": ("gif", {"describe": "palette"}),
    "good gif": ("gif", {"options": {"effort": 7}}),
    "avif": ("avif", {}),
    "fine avif": ("avif", {"quality": 95}),
    "searched avif": ("avif", {"quality": "auto"}),
    "described avif": ("avif", {"describe": "palette"}),
    "lossless avif": ("avif", {"options": {"lossless": True}}),
    "deep avif": ("avif", {"options": {"bits": 10}}),
    "tiff": ("tiff", {}),
    "plain tiff": ("tiff", {"options": {"compression": "none"}}),
    "tiled tiff": ("tiff", {"options": {"tile": True}}),
    "jpeg tiff": ("tiff", {"options": {"compression": "jpeg"}}),
}
SOURCES = (
    "{}.jpg", "{}-progressive.jpg", "{}-CMYK.jpg", "{}-L.jpg", "{}.png", "{}-interlaced.png",
    "{}-deep.png", "{}.webp", "{}.gif", "{}.avif", "{}.tif", "{}-deep.tif", "{}-strip.tif",
    "{}-planes.tif", "{}-tiles.tif", "{}-packed.tif", "{}-lab.tif",
)  # fmt: skip
WIDTHS = (2048, 1600, 1280, 1024, 800, 640, 320, 150)


class Spread:
    """Cases on the images of a folder."""

    def __init__(self, images: Images) -> None:
        self.images = images

    def case(self, source: str, *lists: list[Json], ending: str = "jpg", **options: Any) -> Case:
        """Make a batch with a job for each list of transformations."""
        jobs = [
            {"destination": f"{at}.{ending}", "transformations": step, **options}
            for at, step in enumerate(lists)
        ]
        mark = self.images("translucent-small.png")
        return Case(self.images(source), jobs, {"mark": mark})

    def quick(self) -> Iterator[Plan]:
        """Yield a handful that takes a few seconds."""
        for name in ("annotation", "enhance", "great blur", "rotate", "half", "upside down"):
            yield Plan(name, self.case("photo-middle.jpg", TYPES[name]))
        for name in ("jpeg", "searched jpeg", "png", "webp", "gif", "avif"):
            ending, options = FORMATS[name]
            step = TYPES["half"]
            yield Plan(name, self.case("translucent-middle.png", step, ending=ending, **options))
        yield Plan("from webp", self.case("photo-middle.webp", TYPES["thumbnail"]))
        yield Plan("from a strip", self.case("photo-middle-strip.tif", TYPES["thumbnail"]))
        yield Plan("from Lab", self.case("translucent-middle-lab.tif", TYPES["nothing"]))
        yield Plan("moving", self.case("photo-small-moving.webp", [], ending="webp"))
        yield Plan("many sizes", self.case("photo-middle.jpg", *_widths(1200, 800, 640, 320)))
        yield Plan("many ways", self.case("photo-middle.jpg", *_ways()))

    def types(self) -> Iterator[Plan]:
        """Give every type, on images of each size."""
        for size in SIZES:
            for source in (f"photo-{size}.jpg", f"translucent-{size}.png"):
                for name, step in (TYPES | CHAINS).items():
                    yield Plan(f"{name} {source}", self.case(source, step))

    def chains(self) -> Iterator[Plan]:
        """Yield jobs of many transformations."""
        for source in ("photo-middle.jpg", "translucent-middle.png"):
            for name, step in LONG_CHAINS.items():
                yield Plan(f"{name} {source}", self.case(source, step))

    def formats(
        self, content: str = "photo", sizes: tuple[str, ...] = tuple(SIZES)
    ) -> Iterator[Plan]:
        """Give every format with the options that bear on memory."""
        for size in sizes:
            source = f"{content}-{size}.png"
            for name, (ending, options) in FORMATS.items():
                case = self.case(source, [], ending=ending, **options)
                yield Plan(f"{name} {source}", case)

    def sources(self) -> Iterator[Plan]:
        """Give every kind of source."""
        endings = (".webp", "-lab.tif", "-premultiplied.tif")
        translucent = [f"translucent-{size}{end}" for size in SIZES for end in endings][3:]
        kinds = [kind.format(f"photo-{size}") for size in SIZES for kind in SOURCES]
        for source in (*kinds, *translucent):
            for name in ("nothing", "crop", "thumbnail"):
                yield Plan(f"{name} {source}", self.case(source, TYPES[name]))

    def grids(self) -> Iterator[Plan]:
        """Give HEIC, which no encoder here writes, of a middle size and a large one."""
        for tiles in (12, 31):
            name = f"grid-{tiles}.heic"
            (self.images.folder / name).write_bytes(heic_files.grid(tiles, tiles))
            for step in ("nothing", "crop", "thumbnail"):
                yield Plan(f"{step} {name}", self.case(name, TYPES[step]))

    def animations(self) -> Iterator[Plan]:
        """Yield animations of eight frames."""
        for size in ("small", "middle"):
            for source in ("gif", "webp"):
                for ending in ("gif", "webp"):
                    name = f"photo-{size}-moving.{source}"
                    for step in ("nothing", "thumbnail", "rotate", "watermark"):
                        case = self.case(name, TYPES[step], ending=ending)
                        yield Plan(f"{step} {name} to {ending}", case)

    def batches(self) -> Iterator[Plan]:
        """Yield batches of four to twenty-four jobs."""
        for source in (
            "photo-large.jpg",
            "photo-middle.jpg",
            "translucent-large.png",
            "photo-large.webp",
        ):
            many = _widths(*range(200, 2600, 100))
            yield Plan(f"eight sizes {source}", self.case(source, *_widths(*WIDTHS)))
            yield Plan(f"many sizes {source}", self.case(source, *many))
            yield Plan(f"many ways {source}", self.case(source, *_ways()))
            whole = self.case(source, [], *_widths(3000, 800, 640), ending="png")
            yield Plan(f"large files {source}", whole)
            heavy = [TYPES["half"], CHAINS["half, watermark, annotation"]]
            heavy.append([*TYPES["half"], *TYPES["enhance"]])
            yield Plan(f"heavy {source}", self.case(source, *heavy, ending="webp"))


def _widths(*widths: int) -> list[list[Json]]:
    return [[{"type": "resize", "width": width}] for width in widths]


def _ways() -> list[list[Json]]:
    names = ("rotate", "blur", "upside down", "annotation", "watermark", "quarter", "thumbnail")
    return [TYPES[name] for name in names]
