"""Makes the images that the workloads start from, the same bytes each time.

They are real photographs, enlarged, with grain: an enlarged image alone is so smooth that
a decoder has next to nothing to do. The grain makes a JPEG as long as one of a camera
(about 1.6 bits a pixel at quality 90). What is there already is not made again.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent
ROOT = HERE.parent
SOURCES = HERE / "sources"
PHOTO = ROOT / "tests/data/photos/coffee.png"
CAT = ROOT / "tests/data/photos/chelsea.png"
FONT = ROOT / "engine/fonts/shipped/LiberationSans-Regular.ttf"

GRAIN = 3.4  # standard deviation in levels
STRIP = 500  # rows a time, so that 200 megapixels fit into memory

SHA256 = {
    "photo12.jpg": "05c0c3b48db7fc7f4af34a625835ed9b0a65ac8a14ad83ac8bcd31a3ee66b62b",
    "photo48.jpg": "2e9ec46f4f39abb5b288e54a6a8dbea2300f82fdb50b9076b1ffcc379d13f442",
    "photo2.jpg": "80967852b2d9dfe4f860da13a48403328299b0842b6412699b28eea7bb065dcb",
    "photo1.jpg": "97fb470b8628e4a59f7ad5aaefc7dc1027b50ca259ffb5b338b161058121f0fd",
    "photo01.jpg": "e95375848355145da6ca546de9ac64af9f2eeece928ec408b7a53c7c5251ddbe",
    "alpha.png": "5499731b0cebaf9d8df149531a25dcce7d0d42cf00fffaf2b27ac6de42cde38c",
    "wm.png": "37ab0058536f7cb8da470ec7546061b7f3370d923bdb8df1e7ae197feeeac150",
}


def photo(width: int, height: int, seed: int) -> Image.Image:
    """Enlarge the photograph (its middle, where the shape differs) and add grain."""
    with Image.open(PHOTO) as small:
        scale = min(small.width / width, small.height / height)
        seen_width, seen_height = width * scale, height * scale
        left, top = (small.width - seen_width) / 2, (small.height - seen_height) / 2
        large = small.convert("RGB").resize(
            (width, height),
            Image.Resampling.BICUBIC,
            box=(left, top, left + seen_width, top + seen_height),
        )
    random = np.random.default_rng(seed)
    for upper in range(0, height, STRIP):
        box = (0, upper, width, min(upper + STRIP, height))
        strip = np.asarray(large.crop(box), np.float32)
        # One grain for all three channels, as film and sensors have mostly.
        grain = random.standard_normal((*strip.shape[:2], 1), np.float32) * GRAIN
        noisy = np.clip(np.rint(strip + grain), 0, 255).astype(np.uint8)
        large.paste(Image.fromarray(noisy), box[:2])
    return large


def save_photo(path: Path, width: int, height: int, seed: int) -> None:
    """Write a photograph as a camera does: JPEG, quality 90, 4:2:0."""
    photo(width, height, seed).save(path, "JPEG", quality=90, subsampling="4:2:0")


def save_alpha(path: Path) -> None:
    """Write an image that fades out towards its corners."""
    width, height = 2048, 1536
    image = photo(width, height, seed=4)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    along = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    fading = np.clip(1.3 - np.sqrt(across**2 + along**2), 0, 1) * 255
    image.putalpha(Image.fromarray(fading.astype(np.uint8)))
    image.save(path, "PNG")


def save_watermark(path: Path) -> None:
    """Write a white word with a dark shadow on nothing."""
    image = Image.new("RGBA", (400, 200))
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(FONT, 72)
    for offset, colour in ((4, (0, 0, 0, 120)), (0, (255, 255, 255, 220))):
        draw.text((200 + offset, 100 + offset), "Darkroom", colour, font, anchor="mm")
    image.save(path, "PNG")


def save_small(path: Path, photo: Path, size: tuple[int, int], quality: int) -> None:
    """Write a photograph as the web has it, without the grain of a camera."""
    with Image.open(photo) as large:
        scaled = large.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    scaled.save(path, "JPEG", quality=quality, subsampling="4:2:0")


MAKERS = {
    "photo12.jpg": lambda path: save_photo(path, 4000, 3000, seed=1),
    "photo48.jpg": lambda path: save_photo(path, 8000, 6000, seed=2),
    "photo2.jpg": lambda path: save_photo(path, 1600, 1200, seed=3),
    "photo1.jpg": lambda path: save_small(path, PHOTO, (1200, 800), quality=75),
    "photo01.jpg": lambda path: save_small(path, CAT, (451, 300), quality=85),
    "alpha.png": save_alpha,
    "wm.png": save_watermark,
}


def digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make(folder: Path = SOURCES, *names: str) -> Path:
    """Make the sources that are not in the folder yet (all, or those named); returns the folder.

    Says so on stderr if the bytes are others than here: figures then compare less well.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or MAKERS:
        path = folder / name
        if path.exists() and digest(path) == SHA256[name]:
            continue
        MAKERS[name](path)
        if digest(path) != SHA256[name]:
            print(f"{path}: expected {SHA256[name]}, got {digest(path)}", file=sys.stderr)  # noqa: T201
    return folder


if __name__ == "__main__":
    make()
