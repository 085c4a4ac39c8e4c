"""`python -m gallery [FOLDER]`: build the gallery, by default into docs/gallery."""

import sys
from pathlib import Path

from gallery.build import build

FOLDER = Path(__file__).parent.parent / "docs" / "gallery"

if __name__ == "__main__":
    index = build(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    sys.stdout.write(f"{index}\n")
