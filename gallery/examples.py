"""What the gallery shows: a group for each transformation, panels of examples in each.

An example is a job as a client would write it. A test holds the examples to `engine.schema`:
each option, each value of an option that has names, each unit has its example.
"""

from typing import Any

from msgspec import Struct

from engine.schema import Blend, Damaged, Direction, FilterName, FitType, Gravity, Mode
from engine.sources import TRAITS

Json = dict[str, Any]


class Panel(Struct, frozen=True):
    """Jobs side by side, all on the same image, which is shown first.

    A job without a destination is one that is about its transformations alone.
    `small` asks for narrow columns.
    """

    title: str
    image: str
    jobs: tuple[Json, ...]
    note: str = ""
    small: bool = False


def panel(title: str, image: str, *steps: Json, note: str = "", small: bool = False) -> Panel:
    """Make a panel of jobs that have one transformation each."""
    return Panel(title, image, tuple(map(chain, steps)), note, small)


def chain(*steps: Json) -> Json:
    """Make a job of transformations."""
    return {"transformations": list(steps)}


def each(values: list[Any], option: str, **others: Any) -> list[Json]:
    """Return the same transformation once for each value of an option."""
    return [{**others, option: value} for value in values]


def text(content: str, size: int) -> Json:
    """Return an annotation in white."""
    return {"type": "annotation", "text": content, "size": size, "color": "#ffffff"}


def saved(destination: str, **others: Any) -> Json:
    """Make a job that only saves."""
    return {"destination": destination, **others, "transformations": []}


COMPASS = [
    Gravity.NORTHWEST, Gravity.NORTH, Gravity.NORTHEAST,
    Gravity.WEST, Gravity.CENTER, Gravity.EAST,
    Gravity.SOUTHWEST, Gravity.SOUTH, Gravity.SOUTHEAST,
]  # fmt: skip
PLACES = [gravity.value for gravity in COMPASS]
STORY = "Apollo 11 lifted off from Cape Canaveral on a Wednesday morning."
MARK = {"type": "watermark", "source": "mark.png"}
SPECTRUM = {"type": "watermark", "source": "spectrum.png", "width": "60%", "height": "60%"}

GALLERY: dict[str, tuple[Panel, ...]] = {
    "annotation": (
        panel("text", "rocket",
              text("Lift-off", 32),
              text("one line\nand a second", 24),
              text("Ελλάδα · Київ\nשלום & <b>", 24),
              note="A line feed starts a new line. Markup is drawn literally."),
        panel("text in other scripts", "rocket",
              text("مرحبا Darkroom 2026\nשלום", 28),
              text("हिन्दी भाषा\nน้ำใจไทย", 28),
              text("漢字 · 视野\nカタカナ 한글", 28),
              text("😀 🚀 ♥ ★ → ½\ne\u0301 n\u0303 o\u0302", 28),
              note="The direction of each line is detected; combining characters are composed."),
        panel("font", "rocket",
              *each(["Arial", "Times", "Courier", "Arial Bold", "Times Italic", "Courier Bold"],
                    "font", **text("Cape Canaveral", 28)),
              note="A style may follow the family."),
        panel("size", "rocket", *(text("T − 10 s", size) for size in (12, 24, 48))),
        panel("color", "rocket",
              *each(["#f80", "#ffd000", "#ffffff60"], "color", **text("Orbit", 64)),
              note="A fourth pair of digits is the alpha."),
        panel("gravity", "rocket",
              *each(PLACES, "gravity", **text("here", 36)), small=True),
        panel("xoffset, yoffset", "rocket",
              {**text("a corner", 28), "gravity": "southeast"},
              {**text("a corner", 28), "gravity": "southeast", "xoffset": 16, "yoffset": 12},
              {**text("a corner", 28), "gravity": "southeast",
               "xoffset": "10%", "yoffset": "30%"},
              note="Offsets move away from the edge that gravity names, into the image."),
        panel("width, align", "rocket",
              *each(["left", "center", "right"], "align", **text(STORY, 20), width=220),
              {**text(STORY, 20), "width": "60%"},
              {**text(STORY, 20), "width": "80h"},
              {**text(STORY, 20), "width": "180px"},
              note="Lines wrap at word boundaries; a longer word is broken anywhere."),
        panel("line_spacing", "rocket",
              *each([0.8, 1, 1.6], "line_spacing", **text("three\nlines of\ntext", 24))),
        panel("opacity", "rocket", *each([10, 5, 2], "opacity", **text("Orbit", 64))),
        panel("degrees", "rocket", *each([20, 90, 315], "degrees", **text("Orbit", 48))),
        panel("background, padding", "rocket",
              {**text("Lift-off", 32), "background": "#c1440e"},
              {**text("Lift-off", 32), "background": "#c1440e", "padding": 12},
              {**text("Lift-off", 32), "background": "#00000090", "padding": "4%", "width": "100%",
               "align": "center", "gravity": "south"}),
        panel("stroke_color, stroke_width", "rocket",
              *each([1, 3, 8], "stroke_width", **text("Orbit", 64), stroke_color="#c1440e"),
              note="The stroke lies around the letters, between them and the box."),
    ),
    "blur": (
        panel("sigma", "cat", *each([1, 3, 12], "sigma", type="blur")),
        panel("radius", "cat", *each([2, 8, 24], "radius", type="blur"),
              note="Without sigma, it is half the radius."),
        panel("sigma, radius", "cat",
              {"type": "blur", "sigma": 12, "radius": 4},
              {"type": "blur", "sigma": 218, "radius": 465},
              note="The radius truncates the kernel: a small one makes it a box blur."),
    ),
    "brightness": (
        panel("bright_level", "coffee", *each([-120, -50, 50, 120], "bright_level",
                                              type="brightness")),
    ),
    "colorize": (
        panel("red, green, blue", "astronaut",
              {"type": "colorize", "red": 90},
              {"type": "colorize", "green": 90},
              {"type": "colorize", "blue": 90},
              {"type": "colorize", "red": 90, "green": 60, "blue": 10}),
    ),
    "contrast": (
        panel("level", "coffee", *each([-100, -40, 40, 100], "level", type="contrast")),
    ),
    "crop": (
        panel("width, height", "cat",
              {"type": "crop", "width": 150, "height": 150},
              {"type": "crop", "height": "80px"},
              {"type": "crop", "height": "50%"},
              {"type": "crop", "width": "60h", "height": "25w"},
              note="The image is scaled down until it just covers the window. "
                   "With one side alone, the aspect ratio is kept."),
        panel("fit", "cat",
              {"type": "crop", "width": 120, "height": 120, "fit": True},
              {"type": "crop", "width": 120, "height": 120, "fit": False},
              note="Without it the image is not scaled."),
        panel("gravity", "cat",
              *each(PLACES, "gravity", type="crop", width=120, height=80, fit=False), small=True),
        panel("gravity with fit", "astronaut",
              *each(["smart", "center"], "gravity", type="crop", width=80, height=200),
              *each(["smart", "center"], "gravity", type="crop", width=200, height=80),
              note="Smart finds what draws attention."),
        panel("focus", "cat",
              *each([{"x": 0, "y": 0}, {"x": 0.4, "y": 0.3}, {"x": 1, "y": 0.5}], "focus",
                    type="crop", width=90, height=190)),
        panel("xoffset, yoffset", "cat",
              {"type": "crop", "width": 120, "height": 120, "fit": False, "xoffset": 60},
              {"type": "crop", "width": 120, "height": 120, "fit": False, "yoffset": "-20%"},
              {"type": "crop", "width": 120, "height": 120, "fit": False, "gravity": "northwest",
               "xoffset": "10%", "yoffset": "30px"}),
    ),
    "enhance": (panel("no options", "grainy", {"type": "enhance"}),),
    "filter": (
        panel("filter", "astronaut",
              *each([name.value for name in FilterName], "filter", type="filter")),
        panel("filter, enlarged", "grainy",
              *each(["blurgaussian", "blurselective", "smooth"], "filter", type="filter")),
    ),
    "fitmethod": (
        panel("fit_type", "coffee",
              *each([fit.value for fit in FitType], "fit_type",
                    type="fitmethod", width=200, height=200, color="#c8553d")),
        panel("width, height", "coffee",
              {"type": "fitmethod", "fit_type": "box", "width": 150},
              {"type": "fitmethod", "fit_type": "stretch", "width": "50%", "height": "100%"},
              {"type": "fitmethod", "fit_type": "cropbox", "width": "100h", "height": "40w"}),
        panel("gravity with cropbox", "coffee",
              *each([*PLACES, "smart"], "gravity", type="fitmethod", fit_type="cropbox",
                    width=160, height=160), small=True),
        panel("focus with cropbox", "cat",
              *each([{"x": 0.1, "y": 0.2}, {"x": 0.5, "y": 0.5}], "focus", type="fitmethod",
                    fit_type="cropbox", width=100, height=200)),
        panel("enlarge", "grainy",
              *each([True, False], "enlarge", type="fitmethod", fit_type="letterbox",
                    width=200, height=160, color="#c8553d")),
        panel("letterbox of an image with alpha", "badge",
              *each(["#c8553d", "#2a9d8f80", "#00000000"], "color", type="fitmethod",
                    fit_type="letterbox", width=200, height=200),
              note="It lies on the canvas: the fill shows through."),
        panel("gravity with letterbox", "coffee",
              *each(["north", "center", "south"], "gravity", type="fitmethod",
                    fit_type="letterbox", width=160, height=160, color="#c8553d"), small=True),
        panel("color", "coffee",
              *each(["#fff", "#c8553d", "#2a9d8f80"], "color", type="fitmethod",
                    fit_type="letterbox", width=200, height=200),
              note="The checkerboard shows where an image is transparent."),
        panel("opacity", "coffee",
              *each([10, 5, 0], "opacity", type="fitmethod", fit_type="letterbox",
                    width=200, height=200, color="#c8553d")),
    ),
    "flip": (
        panel("direction", "astronaut", *each([way.value for way in Direction], "direction",
                                              type="flip")),
    ),
    "gamma": (panel("level", "coffee", *each([0.4, 0.7, 1.5, 2.2], "level", type="gamma")),),
    "modulate": (
        panel("brightness", "astronaut", *each([60, 130], "brightness", type="modulate")),
        panel("saturation", "astronaut", *each([0, 50, 200], "saturation", type="modulate")),
        panel("hue", "astronaut", *each([-60, 60, 180], "hue", type="modulate")),
    ),
    "normalize": (panel("no options", "grainy", {"type": "normalize"}),),
    "pad": (
        panel("width", "cat", *each([12, "5%"], "width", type="pad", color="#c8553d")),
        panel("top, right, bottom, left", "cat",
              {"type": "pad", "top": "10px", "bottom": 60, "color": "#fff"},
              {"type": "pad", "left": "20%", "right": 8, "color": "#fff"}),
        panel("color", "badge", *each(["#c8553d", "#2a9d8f80"], "color", type="pad", width=10)),
        panel("opacity", "coffee",
              *each([10, 5, 0], "opacity", type="pad", width=20, color="#c8553d")),
    ),
    "pixelate": (panel("size", "astronaut", *each([4, "12px", "10%"], "size", type="pixelate")),),
    "resize": (
        panel("enlarge", "grainy", *each([True, False], "enlarge", type="resize", width=300)),
        panel("width, height", "cat",
              {"type": "resize", "width": "150px"},
              {"type": "resize", "height": 120},
              {"type": "resize", "width": 120, "height": 200},
              {"type": "resize", "width": "50%", "height": "25%"},
              {"type": "resize", "width": "75h"},
              {"type": "resize", "height": "50w"},
              {"type": "resize", "width": 400}),
    ),
    "rotate": (
        panel("degrees", "cat", *each([90, 180, 270, 20, 7.25, 200], "degrees", type="rotate"),
              note="Multiples of 90° only move pixels. Other angles leave transparent corners."),
        panel("color, opacity", "cat",
              {"type": "rotate", "degrees": 20, "color": "#c8553d", "opacity": 10},
              {"type": "rotate", "degrees": 20, "color": "#fff", "opacity": 5}),
    ),
    "round": (panel("radius", "cat", *each([12, "60px", "50%"], "radius", type="round")),),
    "sharpen": (
        panel("amount", "cat", *each([0.5, 1, 4], "amount", type="sharpen")),
        panel("sigma", "cat", *each([0.5, 1.5, 5], "sigma", type="sharpen")),
        panel("threshold", "grainy", *each([0, 20], "threshold", type="sharpen", amount=2)),
    ),
    "trim": (
        panel("threshold", "bordered", *each([0, 10], "threshold", type="trim")),
        panel("color", "bordered", *each(["#eee", "#000"], "color", type="trim"),
              note="What has another border stays."),
    ),
    "ulb": (panel("no options", "barred", {"type": "ulb"}),),
    "watermark": (
        panel("source", "coffee",
              {"type": "watermark", "source": "mark.png"},
              {"type": "watermark", "Source": "mark.png", "gravity": "middle"},
              note="Source and middle are accepted for compatibility."),
        panel("width, height", "coffee",
              {**MARK, "width": 40}, {**MARK, "height": "80%"}, {**MARK, "width": "100%"},
              {**MARK, "width": 160, "height": 60},
              {**MARK, "width": "50h", "height": "50w"},
              note="Percentages are of the image under it."),
        panel("gravity", "coffee", *each(PLACES, "gravity", **MARK, width=70), small=True),
        panel("xoffset, yoffset", "coffee",
              {**MARK, "gravity": "southeast", "xoffset": 10, "yoffset": 10},
              {**MARK, "gravity": "northwest", "xoffset": "20%", "yoffset": "30%"},
              {**MARK, "gravity": "east", "xoffset": -40},
              note="Parts outside the image are cropped."),
        panel("opacity", "coffee", *each([10, 6, 2], "opacity", **MARK, width="40%")),
        panel("degrees", "coffee", *each([20, 90, 200], "degrees", **MARK, width="40%")),
        panel("blend", "coffee", *each([blend.value for blend in Blend], "blend", **SPECTRUM),
              small=True, note="As W3C Compositing and Blending defines them."),
        panel("tile, spacing", "coffee",
              {**MARK, "width": 60, "tile": False},
              {**MARK, "width": 60, "tile": True},
              {**MARK, "width": 60, "tile": True, "spacing": 20, "gravity": "northwest"},
              {**MARK, "width": 60, "tile": True, "spacing": "6%", "opacity": 4, "degrees": 30},
              note="Tiles begin where a single watermark would stand."),
    ),
    "zoom": (
        panel("width, height", "coffee",
              {"type": "zoom", "width": 100}, {"type": "zoom", "height": 50},
              {"type": "zoom", "width": 80, "height": 80}),
        panel("level", "coffee", *each([1, 1.5, 2, 10], "level", type="zoom", width=100),
              note="Device pixels per CSS pixel, as far as the image has pixels."),
        panel("enlarge", "grainy", *each([True, False], "enlarge", type="zoom", width=200)),
    ),
}  # fmt: skip

CHAINS = (
    Panel(
        "in their order", "cat",
        (
            chain(
                {"type": "crop", "width": 200, "height": 200, "gravity": "east"},
                {"type": "contrast", "level": 10},
                {"type": "filter", "filter": "sepia"},
            ),
            chain(
                {"type": "rotate", "degrees": 8},
                {"type": "fitmethod", "fit_type": "letterbox", "width": 240, "height": 240,
                 "color": "#f4e9cd"},
                {"type": "annotation", "text": "chelsea", "font": "Times", "size": 26,
                 "gravity": "south", "yoffset": 6, "color": "#5b4636"},
            ),
            chain(
                {"type": "resize", "width": 60},
                {"type": "resize", "width": 300},
                {"type": "blur", "sigma": 6},
                {"type": "brightness", "bright_level": 25},
                {"type": "watermark", "source": "mark.png", "width": "30%"},
            ),
        ),
        note="Each step works on the result of the one before.",
    ),
)  # fmt: skip

SAVING = (
    Panel("quality", "coffee",
          tuple(saved(name, quality=quality)
                for name in ("coffee.jpg", "coffee.webp") for quality in (5, 30, 70, 95)),
          note="For lossy formats; the default is 70."),
    Panel("format", "coffee",
          tuple(saved("coffee", format=each.value) for each in TRAITS),
          note="Without it, the extension of the destination decides."),
    Panel("options", "coffee",
          (saved("coffee.jpg", options={"trellis": True, "progressive": True}),
           saved("coffee.png", options={"palette": True, "bits": 4}),
           saved("coffee.webp", options={"lossless": True}),
           saved("coffee.gif", options={"bits": 3, "dither": 0}),
           saved("coffee.avif", options={"effort": 4})),
          note="Each format has its own options."),
    Panel("background", "badge",
          (saved("badge.jpg"), saved("badge.jpg", background="#2a9d8f")),
          note="Behind everything transparent, where the format has no alpha."),
    Panel("damaged", "coffee",
          tuple(saved("coffee.webp", damaged=each.value) for each in Damaged),
          note="Of a damaged source, accept uses what can be read; others come out alike."),
    Panel("keep", "coffee", (saved("coffee.jpg", keep="copyright"),),
          note="Artist and copyright of the source, which are not visible."),
    Panel("mode", "cat",
          tuple({**saved("cat.webp", mode=each.value),
                 "transformations": [{"type": "blur", "sigma": 25}]} for each in Mode),
          note="Exact: every pixel as specified. Balanced: within an invisible tolerance."),
    Panel("quality: auto", "coffee",
          tuple(saved(name, quality="auto", min_ssim=least)
                for name in ("coffee.jpg", "coffee.avif") for least in (0.9, 0.95, 0.98, 0.99)),
          note="The lowest quality that keeps an SSIM; without min_ssim, 0.98."),
    Panel("max_bytes", "coffee",
          tuple(saved(name, quality="auto", max_bytes=6000)
                for name in ("coffee.jpg", "coffee.webp", "coffee.avif")),
          note="The highest quality whose file is short enough."),
    Panel("describe", "coffee",
          (saved("coffee.webp", describe="palette"),
           {**saved("coffee-sepia.webp", describe="palette"),
            "transformations": [{"type": "filter", "filter": "sepia"}]}),
          note="Colours and placeholders are told with the status; here the palette."),
    Panel("store", "coffee",
          (saved("coffee.jpg", store={"cache_control": "max-age=3600", "metadata": {"by": "me"}}),),
          note="What S3 keeps with the object, which is not visible."),
)  # fmt: skip
