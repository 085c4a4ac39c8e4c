"""A rendering child whose jobs say how it shall behave: {"do": "crash", ...}.

It runs the real child with another renderer, so that the tests can have crashes, hangs and
hostile acts on demand; the product has no such door.
"""

import array
import ctypes
import fcntl
import mmap
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import DarkroomError, SourceTooLarge
from service.sandbox import linux
from service.sandbox.child.child import main
from service.sandbox.child.order import Answers, EncodedImage, Order
from service.sandbox.protocol import Summary

kept: list[bytes | mmap.mmap] = []
exits: list[int] = []


def render(order: Order) -> Answers:
    for index, job in enumerate(order.jobs):
        words = msgspec.json.decode(job)
        answer = ACTS[words.pop("do")](order, **words)
        yield index, answer if isinstance(answer, DarkroomError) else _encoded(answer)
    if exits:
        os._exit(exits.pop())
    return Summary(source_format="tale", decode_passes=1, pixels_decoded=len(order.jobs))


def _encoded(answer: Any) -> EncodedImage:
    data = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
    return EncodedImage(
        data=data, format="json", width=1, height=2, frames=3, content_type="application/json"
    )


def tell(_: Order, **words: Any) -> object:
    return {**words, "pid": os.getpid()}


def make(_: Order, size: int) -> bytes:
    return bytes(size)


def sleep(_: Order, seconds: float) -> object:
    time.sleep(seconds)
    return {"slept": seconds}


def weigh(
    order: Order, peak: int = 0, seconds: float = 0, predicted: float = 0, before: float = 0
) -> object:
    """Take memory for so long, as it says; the seconds may be others than those."""
    time.sleep(before)
    order.admit(peak, predicted)
    time.sleep(seconds)
    return {"weighed": peak, "pid": os.getpid()}


def count_files(_: Order) -> object:
    time.sleep(0.1)  # so that the next child is asked for the next count
    return {"pid": os.getpid(), "files": sum(map(_is_open, range(1024)))}


def refuse(_: Order) -> DarkroomError:
    return SourceTooLarge("the source is too large", "max_source_pixels", 10, 1e6, "pixels")


def refuse_all(_: Order) -> object:
    raise SourceTooLarge("the source is too large", "max_source_pixels", 10, 1e6, "pixels")


def fail(_: Order) -> object:
    raise ZeroDivisionError("a bug")


def crash(_: Order, signum: int) -> object:
    os.kill(os.getpid(), signum)
    time.sleep(600)
    return {}


def crash_elsewhere(_: Order, signum: int) -> object:
    """Crash on a thread that knows nothing of Python, while Python calls and returns."""
    libc = ctypes.CDLL(None)
    function = ctypes.cast(libc["raise"], ctypes.c_void_p)
    libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, function, ctypes.c_void_p(signum))
    while True:
        _go_down(100)


def _go_down(steps: int) -> None:
    if steps:
        _go_down(steps - 1)


def segfault(_: Order) -> object:
    return ctypes.string_at(0)


def leave(_: Order, status: int) -> object:
    os._exit(status)


def leave_at_the_end(_: Order, status: int) -> object:
    exits.append(status)
    return {}


def hang_up(_: Order) -> object:
    os.closerange(3, 1000)
    time.sleep(600)
    return {}


def eat(_: Order, size: int) -> object:
    return {"eaten": len(bytearray(size))}


def eat_shared(_: Order, size: int) -> object:
    with mmap.mmap(-1, size) as eaten:
        return {"eaten": len(eaten)}


def eat_like_glib(_: Order) -> object:
    sys.stderr.write("GLib-ERROR **: failed to allocate 99 bytes")
    sys.stderr.flush()
    os.abort()


def keep(_: Order, size: int) -> object:
    kept.append(os.urandom(size))
    return {"pid": os.getpid()}


def spin(_: Order) -> object:
    while True:
        pass


def send_bytes(_: Order, text: str) -> object:
    _channel().send(text.encode())
    time.sleep(600)
    return {}


def send_message(order: Order, **words: Any) -> object:
    """Send what the worker does not expect: words of the message, and open files."""
    files = [0] * words.pop("files", 0)
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
    _channel().sendmsg([_packed(words)], control)
    time.sleep(600)
    return {}


def send_messages(_: Order, messages: list[dict[str, Any]]) -> object:
    """Send several, whatever the worker says to them, and stay."""
    channel = _channel()
    for words in messages:
        channel.send(_packed(words))
    time.sleep(600)
    return {}


def _packed(words: dict[str, Any]) -> bytes:
    if "data" in words:
        words["data"] = words["data"].encode()
    return msgspec.msgpack.encode(words)


def keep_mapped(_: Order, output: dict[str, Any], **words: Any) -> object:
    """Say that an output is done, and keep the door open to change it."""
    size = output["size"]
    file = next(fd for fd in range(3, 100) if _is_open(fd) and _is_empty_memory(fd))
    os.write(file, bytes(size))
    kept.append(mmap.mmap(file, size))
    _channel().send(msgspec.msgpack.encode({"output": output, **words}))
    time.sleep(600)
    return {}


def _is_empty_memory(fd: int) -> bool:
    return "memfd:output" in os.readlink(f"/proc/self/fd/{fd}") and not os.fstat(fd).st_size


def _channel() -> socket.socket:
    return socket.socket(fileno=int(sys.argv[1]))


def read_files(order: Order) -> object:
    """Read the source and the inputs, and leave their positions at the end."""

    def content(fd: int) -> str:
        return os.read(fd, 1000).decode()

    return {
        "source": content(order.source),
        "inputs": {key: content(fd) for key, fd in order.inputs.items()},
        "limits": order.limits,
    }


def map_source(order: Order) -> object:
    kept.append(mmap.mmap(order.source, 0, prot=mmap.PROT_READ))
    return {}


def read_mapped(_: Order) -> object:
    """Read what is mapped, which is there as long as the file has it."""
    return {"sum": sum(kept.pop()[:: mmap.PAGESIZE])}


CHANGES: dict[str, Callable[[int], object]] = {
    "write": lambda fd: os.write(fd, b"x"),
    "truncate": lambda fd: os.ftruncate(fd, 0),
    "chmod": lambda fd: os.fchmod(fd, 0o777),
    "chown": lambda fd: os.fchown(fd, os.getuid(), os.getgid()),
    "set_attribute": lambda fd: os.setxattr(fd, "user.note", b"x"),
    "remove_attribute": lambda fd: os.removexattr(fd, "user.note"),
    "set_times": lambda fd: os.utime(fd, (0, 0)),
    "lock": lambda fd: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
    "lock_range": lambda fd: fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB),
    "lease": lambda fd: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK),
    "set_flags": lambda fd: fcntl.ioctl(fd, 0x40086602, b"\x10" + bytes(7)),
    "reopen": lambda fd: os.open(f"/proc/self/fd/{fd}", os.O_RDWR),
    "create_memory": lambda _: os.memfd_create("hoard"),
}


def change_source(order: Order, how: str) -> object:
    return _attempt(lambda: CHANGES[how](order.source))


def look_around(_: Order) -> object:
    """Tell what the process is and has."""
    umask = os.umask(0)
    os.umask(umask)
    return {
        "environ": dict(os.environ),
        "modules": sorted(sys.modules),
        "cwd": os.getcwd(),
        "descriptors": [fd for fd in range(100) if _is_open(fd)],
        "umask": umask,
        "cpu_seconds": resource.getrlimit(resource.RLIMIT_CPU)[0],
        "limits": {
            name: resource.getrlimit(getattr(resource, name))[1]
            for name in ("RLIMIT_DATA", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_CORE")
        },
    }


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _attempt(act: Callable[[], object]) -> object:
    try:
        return {"done": repr(act())}
    except OSError as error:
        return {"refused": type(error).__name__}


def connect(_: Order, port: int) -> object:
    return _attempt(lambda: socket.create_connection(("127.0.0.1", port), 1).close())


def connect_by_syscall(_: Order, port: int) -> object:
    """Without Python's socket module, as shell code would."""
    return _attempt(lambda: linux.syscall(41, socket.AF_INET, socket.SOCK_STREAM, 0))


def read(_: Order, path: str) -> object:
    return _attempt(lambda: Path(path).read_text())


def write(_: Order, path: str) -> object:
    return _attempt(lambda: Path(path).write_text("x"))


def remove(_: Order, path: str) -> object:
    return _attempt(lambda: Path(path).unlink())


def run(_: Order) -> object:
    return _attempt(lambda: subprocess.run(["/bin/true"], check=True))


def run_in_place(_: Order) -> object:
    return _attempt(lambda: os.execv("/bin/true", ["true"]))


def fork(_: Order) -> object:
    return _attempt(os.fork)


def signal_parent(_: Order) -> object:
    return _attempt(lambda: os.kill(os.getppid(), 0))


def raise_limit(_: Order) -> object:
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY,) * 2)
    except (OSError, ValueError) as error:
        return {"refused": type(error).__name__}
    return {"done": ""}


def start_thread(_: Order) -> object:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    return {"done": True}


ACTS: dict[str, Callable[..., object]] = {
    act.__name__: act for act in (
        tell, make, sleep, weigh, count_files, refuse, refuse_all, fail, crash,
        crash_elsewhere, segfault, leave, leave_at_the_end, hang_up, eat, eat_shared,
        eat_like_glib, keep, spin, send_bytes,
        send_message, send_messages, read_files, map_source, read_mapped, change_source,
        keep_mapped, look_around, connect, connect_by_syscall,
        read, write, remove, run, run_in_place, fork, signal_parent, raise_limit,
        start_thread,
    )
}  # fmt: skip

if __name__ == "__main__":
    main(render)
