"""Small files that ask for much, of every format: all of the kinds that are known."""

from tests.attack.bombs import frames, heif, jpeg, png, svg, tiff
from tests.attack.bombs.bomb import Bomb
from tests.hostile.bombs import BOMBS as COUNTED

BOMBS: dict[str, Bomb] = {
    **png.BOMBS, **jpeg.BOMBS, **frames.BOMBS, **tiff.BOMBS, **heif.BOMBS, **svg.BOMBS,
    **{name: Bomb(bomb.make) for name, bomb in COUNTED.items()},
    "empty file": Bomb(lambda: b""),
    "MATLAB file": Bomb(lambda: b"MATLAB 5.0 MAT-file" + bytes(200)),
}  # fmt: skip

__all__ = ["BOMBS", "Bomb"]
