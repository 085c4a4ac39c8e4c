"""A process that renders batch after batch reuses its memory."""

import subprocess
import sys
from pathlib import Path

import pyvips

WORKS = """
import resource, sys
from engine import Job, Output, Source, parse, render
turned = b'[{"type": "flip", "direction": "y"}]'
job = parse(b'{"destination": "o.jpg", "transformations": %s}' % turned, Job)
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    ((_, made),) = render(Source.from_path(sys.argv[1]), [job])
    assert isinstance(made, Output), made
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES_OF_THE_IMAGE = 4000 * 3000 * 3 // 4096


def test_a_large_image_takes_no_fresh_pages_the_second_time(tmp_path: Path) -> None:
    pyvips.Image.black(4000, 3000, bands=3).jpegsave(str(tmp_path / "large.jpg"))
    done = subprocess.run(
        [sys.executable, "-c", WORKS, "large.jpg"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    first, *_, last = map(int, done.stdout.split())
    assert first > PAGES_OF_THE_IMAGE
    assert last < PAGES_OF_THE_IMAGE / 4
