"""`make corpus DIR=…`: any folder of images through a matrix of jobs, beside Pillow."""

import sys
from pathlib import Path

import click

from tests.corpus.drive import main


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--at-once", default=2, show_default=True, help="Files that are tried at once.")
def run(folder: Path, at_once: int) -> None:
    """Try every file in FOLDER; exit 1 if one crashed, failed for no reason or by the order."""
    sys.exit(main(folder, at_once))


run()
