"""``python -I server_loader.py SOCKET``: loads the engine, and forks fork servers that need it."""

import gc
import os
import runpy
import select
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

LOADED = ("service.sandbox.child.adapter", "service.sandbox.child.explainer")
REQUEST = 10_000  # bytes, of arguments
MOST_GIVEN = 3  # descriptors
CHANNEL = 3  # descriptor of a fork server's socket
OPEN = 1024  # descriptors that may be open


def fork_on_request(
    connection: int, longest: int, become: Callable[[bytes, list[int], int], NoReturn]
) -> None:
    """Fork a process for each request of at most `longest` bytes, until nobody can ask any more.

    In it `become` is given the request, the descriptors that came with it, and who forked it. It
    tells its id over the first of these, a socket, over which its end is told, too.
    """
    control = socket.socket(fileno=connection)
    running: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready in running:
                poll.unregister(ready)
                pid, link = running.pop(ready)
                os.close(ready)
                _, status = os.waitpid(pid, 0)
                with link, suppress(ConnectionError):
                    link.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
                continue
            request, given, _, _ = socket.recv_fds(control, longest, MOST_GIVEN)
            if not request:
                return
            loader = os.getpid()
            if (pid := os.fork()) == 0:
                become(request, given, loader)
            for each in given[1:]:
                os.close(each)
            running[pidfd := os.pidfd_open(pid)] = pid, socket.socket(fileno=given[0])
            poll.register(pidfd, select.POLLIN)


def _become(request: bytes, given: list[int], loader: int) -> NoReturn:
    """Run a module (`-m` and its name) or a script as its own process would."""
    command = request.decode().split("\0")
    link, output, channel = given
    status = 1
    try:
        os.setsid()
        os.write(link, b"%d\n" % os.getpid())
        kept = os.dup(channel)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        for source, place in ((nowhere, 0), (output, 1), (output, 2), (kept, CHANNEL)):
            os.dup2(source, place, inheritable=False)
        os.closerange(CHANNEL + 1, OPEN)
        sys.argv = [command[-1], str(CHANNEL), str(loader)]
        if command[0] == "-m":
            runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(command[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(end.code)
        status = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    for name in LOADED:
        import_module(name)
    for name in LOADED:
        del sys.modules[name]  # what is run as the main module is not there before
    gc.freeze()
    fork_on_request(int(sys.argv[1]), REQUEST, _become)
