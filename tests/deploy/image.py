"""The container image, built from its Dockerfile without Docker: in folders that are chrooted into.

It knows the instructions that the Dockerfile uses and fails on any other. Python base images are
stood in for by a Debian that debootstrap makes, with its own Python.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parent.parent.parent
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
EMPTY: Mapping[str, str] = MappingProxyType({})
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


@dataclass
class Stage:
    """What an image is so far: its files, and what its instructions have set."""

    name: str
    root: Path
    workdir: str = "/"
    user: str = "0:0"
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def instructions(dockerfile: Path) -> Iterator[tuple[str, str]]:
    """Read a Dockerfile as pairs of a word and the rest of its line, continuations joined."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.M)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word, rest


def build(dockerfile: Path, folder: Path) -> Stage:
    """Build an image under a folder, and give its last stage; needs root and debootstrap."""
    base = folder / "base"
    make_base(base)
    stages: dict[str, Stage] = {}
    for word, rest in instructions(dockerfile):
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "last"
            stage = stages[name] = Stage(name, folder / name)
            subprocess.run(["cp", "-a", base, stage.root], check=True)
        else:
            apply(stage, stages, word, rest)
    return stage


def apply(stage: Stage, stages: dict[str, Stage], word: str, rest: str) -> None:
    """Do what one instruction says; raises ValueError for one that is not known here."""
    match word:
        case "RUN":
            run(stage, ["sh", "-ec", rest])
        case "COPY":
            copy(stage, stages, shlex.split(rest))
        case "WORKDIR":
            stage.workdir = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "ENV":
            pairs = (pair.split("=", 1) for pair in shlex.split(rest))
            for name, value in pairs:
                stage.environment[name] = value.replace("$PATH", PATH)
        case "USER":
            stage.user = rest
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        case "CMD":
            stage.command = json.loads(rest)
        case "HEALTHCHECK":
            stage.health = json.loads(rest.partition(" CMD ")[2])
        case "EXPOSE":
            pass
        case _:
            raise ValueError(f"expected an instruction that is known here, got {word}")


def make_base(base: Path) -> None:
    """Make the root of a small Debian with Python as `python` and `pip`, as the base image has."""
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", base],
        check=True,
        capture_output=True,
    )
    (base / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    # the base image's Python takes packages; Debian's refuses them without this
    (base / "etc/pip.conf").write_text("[global]\nbreak-system-packages = true\n")
    for name in ("etc/resolv.conf", "etc/hosts", CERTIFICATES):
        if (Path("/") / name).exists():
            shutil.copyfile(Path("/") / name, base / name)


def copy(stage: Stage, stages: dict[str, Stage], words: list[str]) -> None:
    """Copy files of the project, or of another stage, into an image."""
    origin = ROOT
    if words[0].startswith("--from="):
        origin = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    inside = stage.root / (
        target if target.startswith("/") else f"{stage.workdir}/{target}"
    ).lstrip("/")
    for source in sources:
        path = origin / source.lstrip("/")
        if path.is_dir():
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(
                path, inside, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(path, inside)


def run(stage: Stage, words: list[str]) -> None:
    """Run a command in an image as root, as a RUN instruction does."""
    certificates = f"SSL_CERT_FILE=/{CERTIFICATES}"  # those of this machine, to download with
    environment = ["env", "-i", f"PATH={PATH}", certificates, *_pairs(stage)]
    subprocess.run(
        ["chroot", stage.root, *environment, *_in(stage), *words],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def container(stage: Stage, *arguments: str, folders: Sequence[Path], **settings: str) -> list[str]:
    """Return the command that runs an image as a container does; see `in_container`."""
    words = [*stage.entrypoint, *(arguments or stage.command)]
    return in_container(stage, words, folders, settings)


def in_container(
    stage: Stage, words: list[str], folders: Sequence[Path], settings: Mapping[str, str] = EMPTY
) -> list[str]:
    """Return the command that runs some words in an image.

    Its root is read-only, it runs as the image's user without capabilities, and `folders` of the
    machine appear at their own paths.
    """
    root = shlex.quote(str(stage.root))
    mounts = [f"mount --bind {root} {root}", f"mount -t proc proc {root}/proc"]
    mounts += [f"mount --rbind /dev {root}/dev"]
    for folder in folders:
        mounts += [f"mkdir -p {root}{folder}", f"mount --rbind {folder} {root}{folder}"]
    user, _, group = stage.user.partition(":")
    pairs = [*_pairs(stage), *(f"{name}={value}" for name, value in settings.items())]
    inner = [
        "chroot", str(stage.root), "env", "-i", f"PATH={PATH}", *pairs,
        "setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups",
        "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", *_in(stage), *words,
    ]  # fmt: skip
    script = " && ".join([*mounts, f"mount -o remount,bind,ro {root}", f"exec {shlex.join(inner)}"])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script]


def _pairs(stage: Stage) -> list[str]:
    return [f"{name}={value}" for name, value in stage.environment.items()]


def _in(stage: Stage) -> list[str]:
    return ["sh", "-c", 'cd "$0" && exec "$@"', stage.workdir]
