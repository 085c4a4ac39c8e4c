"""The rendering child: takes work from its socket, one after the other, and answers it.

It is forked by a server that is started with the number of its socket and the process id of its
worker; the child has a socket of its own under the same number. It knows the engine and the
messages, and nothing of asyncio, storage, records or settings.
"""

import contextlib
import errno
import faulthandler
import hashlib
import os
import signal
import socket
import sys
import time
import traceback
from functools import partial
from pathlib import Path
from typing import NoReturn, cast

import msgspec

from engine.errors import DarkroomError, OutputTooLarge
from engine.fonts import add_fonts
from engine.vips import heic
from service.sandbox import linux
from service.sandbox.child.confine import confine
from service.sandbox.child.fork_server import become_children
from service.sandbox.child.memory import Memory
from service.sandbox.child.order import EncodedImage, Order, Renderer
from service.sandbox.child.rlimits import allow_cpu_seconds, limit_resources
from service.sandbox.protocol import ImageFacts, OutputFacts, SandboxLimits, Summary, to_fault, wire

_payload = msgspec.msgpack.Decoder(wire.Payload)


def main(render: Renderer) -> None:
    """Fork children while the worker asks for them; be one until it closes its connection."""
    connection, parent = int(sys.argv[1]), int(sys.argv[2])
    linux.die_with_parent(parent)
    faulthandler.enable(all_threads=False)  # to read those that run is to crash once more
    for signum in (signal.SIGINT, signal.SIGTERM):  # the worker decides when it is over
        signal.signal(signum, signal.SIG_IGN)
    heic.preload()
    with contextlib.suppress(EOFError):
        become_children(connection)
        _serve(connection, render)


def _serve(connection: int, render: Renderer) -> None:
    with socket.socket(fileno=connection) as channel:
        setup, _ = wire.receive(channel, wire.TO_CHILD, 0)
        if not isinstance(setup, wire.Setup):
            raise wire.ProtocolError(f"expected Setup first, got {type(setup).__name__}")
        limit_resources(setup.limits)
        linux.yield_to_others(setup.limits.nice)
        memory = Memory()
        wire.send(channel, wire.Ready(_settle(setup.limits)))
        WorkLoop(channel, render, setup.limits, memory).run()


def _settle(limits: SandboxLimits) -> tuple[str, ...]:
    """Get to know the operator's fonts, then give up all that rendering does not need."""
    if not limits.fonts:
        return confine(limits.readable, allow_weak=limits.allow_weak)
    add_fonts(Path(limits.fonts))
    return confine((*limits.readable, limits.fonts), allow_weak=limits.allow_weak)


class Declined(Exception):
    """There is no room for a work now."""


class WorkLoop:
    """Takes works from the socket and sends their answers, one work at a time."""

    def __init__(
        self, channel: socket.socket, render: Renderer, limits: SandboxLimits, memory: Memory
    ) -> None:
        self._channel = channel
        self._render = render
        self._limits = limits
        self._memory = memory
        self._untaken = 0
        self._resident = 0
        self._files: list[int] = []

    def run(self) -> None:
        """Work until the connection ends (EOFError), or a work goes wrong in an unknown way."""
        while True:
            message, descriptors = wire.receive(self._channel, wire.TO_CHILD, wire.MOST_DESCRIPTORS)
            match message:
                case wire.Ack():  # of the work before, which is over
                    self._files += descriptors
                case wire.Task(deadline, payload):
                    self._carry_out(deadline, payload, descriptors)
                case _:
                    raise wire.ProtocolError(f"expected Task, got {type(message).__name__}")

    def _carry_out(self, deadline: float, payload: bytes, descriptors: list[int]) -> None:
        """Answer every job of a work, then tell what it cost."""
        self._untaken = 0
        self._memory.reset_peak()
        started, spent = time.perf_counter(), time.process_time()
        try:
            summary = self._answer_all(self._read_order(payload, descriptors), deadline)
        except (EOFError, ConnectionError):
            raise EOFError from None
        except Declined:
            wire.send(self._channel, wire.Postponed(self._memory.measure()[1]))
            return
        except Exception as error:
            self._give_up(error)
        finally:
            wire.close_all(descriptors)
        peak, resident = self._memory.measure()
        summary = msgspec.structs.replace(
            summary,
            render_seconds=time.perf_counter() - started,
            used_seconds=time.process_time() - spent,
            peak_memory_bytes=peak,
            used_memory_bytes=max(0, peak - self._resident) if self._resident else 0,
        )
        self._resident = resident
        wire.send(self._channel, wire.Finished(summary, resident))

    def _answer_all(self, order: Order, deadline: float) -> Summary:
        unanswered = set(order.wanted)
        answers = self._render(order)
        while True:
            allow_cpu_seconds(deadline, order.threads)
            began = time.perf_counter()
            try:
                index, answer = next(answers)
            except StopIteration as end:
                return cast("Summary", end.value)
            except DarkroomError as error:
                for index in sorted(unanswered):
                    self._refuse(index, error)
                return Summary()
            self._answer(index, answer, 1000 * (time.perf_counter() - began))
            unanswered.remove(index)
            if unanswered:
                self._await_room()

    def _answer(
        self, index: int, answer: EncodedImage | DarkroomError, milliseconds: float
    ) -> None:
        if isinstance(answer, DarkroomError):
            self._refuse(index, answer)
        elif len(answer.data) > self._limits.max_output_bytes:
            self._refuse(index, _too_long(len(answer.data), self._limits))
        else:
            self._hand_over(index, answer, milliseconds)

    def _hand_over(self, index: int, image: EncodedImage, milliseconds: float) -> None:
        facts = OutputFacts(
            size=len(image.data),
            sha256=hashlib.sha256(image.data).hexdigest(),
            milliseconds=milliseconds,
            **{name: getattr(image, name) for name in ImageFacts.__struct_fields__},
        )
        if len(image.data) <= wire.MOST_INLINE:
            wire.send(self._channel, wire.JobDone(index, facts, image.data))
        else:
            self._fill_next_file(image.data)
            wire.send(self._channel, wire.JobDone(index, facts))
        self._untaken += 1

    def _fill_next_file(self, data: bytes) -> None:
        file = self._files.pop(0)
        try:
            wire.write_all(file, data)
        finally:
            os.close(file)

    def _refuse(self, index: int, error: DarkroomError) -> None:
        wire.send(self._channel, wire.JobFailed(index, to_fault(error)))
        self._untaken += 1

    def _await_room(self) -> None:
        """Wait until the caller has taken enough of what was sent."""
        while self._untaken >= self._limits.results_ahead:
            message, files = wire.receive(self._channel, wire.TO_CHILD, wire.MOST_DESCRIPTORS)
            self._files += files
            if not isinstance(message, wire.Ack):
                raise wire.ProtocolError(f"expected Ack, got {type(message).__name__}")
            self._untaken -= 1

    def _admit(self, free: wire.Payload, peak: int, seconds: float) -> None:
        """Ask whether it may go on, if it takes more than is free; raises Declined."""
        if peak <= free.free_bytes and seconds <= free.free_seconds:
            return
        wire.send(self._channel, wire.AdmissionRequest(peak, seconds))
        while True:
            message, files = wire.receive(self._channel, wire.TO_CHILD, wire.MOST_DESCRIPTORS)
            match message:
                case wire.AdmissionReply(True):
                    return
                case wire.AdmissionReply(False):
                    raise Declined
                case wire.Ack():  # of the work before, which is over
                    self._files += files
                case _:
                    raise wire.ProtocolError(
                        f"expected AdmissionReply, got {type(message).__name__}"
                    )

    def _read_order(self, payload: bytes, descriptors: list[int]) -> Order:
        """Read a work; the files for its outputs are moved out of `descriptors`."""
        if not payload:
            file = descriptors.pop(0)
            payload = os.pread(file, os.fstat(file).st_size, 0)
            os.close(file)
        asked = _payload.decode(payload)
        end = 1 + len(asked.inputs)
        self._files += descriptors[end:]
        del descriptors[end:]
        return Order(
            source=descriptors[0],
            inputs=dict(zip(asked.inputs, descriptors[1:], strict=True)),
            jobs=asked.jobs,
            wanted=asked.wanted,
            limits=asked.limits,
            threads=asked.threads,
            admit=partial(self._admit, asked),
        )

    def _give_up(self, error: Exception) -> NoReturn:
        """Say why, to the worker and to standard error, and end: the heap may be in ruins."""
        traceback.print_exception(error)
        starved = isinstance(error, MemoryError) or getattr(error, "errno", 0) == errno.ENOMEM
        message = "ran out of memory" if starved else f"failed with {type(error).__name__}"
        wire.send(self._channel, wire.InternalError(message, starved))
        sys.exit(1)


def _too_long(size: int, limits: SandboxLimits) -> OutputTooLarge:
    return OutputTooLarge(
        "the output is too long", "max_output_bytes", limits.max_output_bytes, size, "bytes"
    )
