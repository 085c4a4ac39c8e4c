"""Environment variables that libvips reads when it is loaded; import this first.

`VIPS_CONCURRENCY` may be set by whoever starts the process; one thread a process gives the
most images a second when there is a process for each core. What bears on text is fixed or
removed, so that it comes out the same on every machine.
"""

import os

from engine.fonts import FOLDER

os.environ.setdefault("VIPS_CONCURRENCY", "1")
os.environ["FONTCONFIG_FILE"] = str(FOLDER / "fonts.conf")
os.environ.pop("FONTCONFIG_SYSROOT", None)
os.environ.pop("FREETYPE_PROPERTIES", None)
os.environ.pop("HB_SHAPER_LIST", None)
