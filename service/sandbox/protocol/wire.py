"""Messages and open files between the worker and a child, over a Unix socket pair.

The socket keeps packets apart (SOCK_SEQPACKET): one packet is one msgpack message with
the descriptors that belong to it. Jobs and outputs of more than MOST_INLINE bytes travel
as the descriptor of a memory file and not through the socket. Only the worker creates
descriptors: the child fills the files that it is given, in their order, and sends none.

    worker                                   child
    Setup ──────────────────────────────────▶
          ◀───────────────────────────────── Ready
    Task + source, inputs, files ──────────▶
          ◀───────────────────────────────── AdmissionRequest              if it takes much
    AdmissionReply ────────────────────────▶                               or it is Postponed
          ◀───────────────────────────────── JobDone, or JobFailed         for each job
    Ack + files for further outputs ───────▶                               while jobs are open
          ◀───────────────────────────────── Finished; or InternalError, and it exits

Children are forked by a server that has loaded what they need, over a connection of its own:

    worker                                   fork server
    Fork + the child's socket, its output ─▶
          ◀───────────────────────────────── Forked + pidfd; or NotForked
          ◀───────────────────────────────── Exited                     when a child has ended
"""

import array
import fcntl
import math
import os
import socket
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from engine.limits import EngineLimits
from service.sandbox import linux
from service.sandbox.protocol.faults import Fault
from service.sandbox.protocol.limits import SandboxLimits
from service.sandbox.protocol.work import Count, OutputFacts, Summary

MOST_BYTES = 64 * 1024
MOST_INLINE = 32 * 1024  # of jobs, or of an output, in the message itself
MOST_DESCRIPTORS = 253  # SCM_MAX_FD of the kernel

_CUT_OFF = int(socket.MSG_TRUNC | socket.MSG_CTRUNC)
_DESCRIPTOR_BYTES = array.array("i").itemsize

T = TypeVar("T")


class ProtocolError(Exception):
    """The other side sent what nobody of ours would send."""


class Setup(Struct, frozen=True, tag=True):
    """The first message: what the child may use."""

    limits: SandboxLimits


class Task(Struct, frozen=True, tag=True):
    """Work, with the descriptors of its source, inputs and files for its outputs.

    `deadline` are the seconds that each of its jobs may take. A `payload` that is too long is in a
    file of its own, before the others, and empty here.
    """

    deadline: float
    payload: bytes


class Ack(Struct, frozen=True, tag=True):
    """One more result was taken, so one more may be sent; with files for further outputs.

    Nothing is said of results that are taken when all jobs have their answer.
    """


class AdmissionReply(Struct, frozen=True, tag=True):
    """Whether the child may go on with its work now; if not, it is Postponed."""

    granted: bool


class Ready(Struct, frozen=True, tag=True):
    """The child can be given work; which protections are in force."""

    protections: tuple[str, ...]


class JobDone(Struct, frozen=True, tag=True):
    """A job is done, and its output is `data`, or in the next of the files."""

    index: int
    output: OutputFacts
    data: bytes | None = None


class JobFailed(Struct, frozen=True, tag=True):
    """A job cannot be done."""

    index: int
    fault: Fault


class AdmissionRequest(Struct, frozen=True, tag=True):
    """The work is predicted to take so much memory and time, more than it may without asking."""

    peak_bytes: Count
    seconds: Annotated[float, Meta(ge=0)]


class Postponed(Struct, frozen=True, tag=True):
    """The child has put the work away without any answer."""

    resident_bytes: int


class Finished(Struct, frozen=True, tag=True):
    """All jobs of the work have had their answer."""

    summary: Summary
    resident_bytes: int


class InternalError(Struct, frozen=True, tag=True):
    """The child met what it should not have, and ends."""

    message: str
    out_of_memory: bool


class Payload(Struct, frozen=True):
    """The part of a task that may be big."""

    jobs: tuple[bytes, ...]
    wanted: tuple[int, ...]
    inputs: tuple[str, ...]
    limits: EngineLimits
    threads: int = 1
    free_bytes: int = 2**60
    """Memory that may be taken without asking."""
    free_seconds: float = math.inf
    """Time of one core that may be taken without asking."""


class Fork(Struct, frozen=True, tag=True):
    """Fork a child, with the descriptors of its socket and of its standard output and error."""


class Forked(Struct, frozen=True, tag=True):
    """There is a child, with a descriptor of its process."""

    pid: int


class NotForked(Struct, frozen=True, tag=True):
    """The system did not allow another process."""

    message: str


class Exited(Struct, frozen=True, tag=True):
    """A child has ended: its exit status, or the negative of a signal."""

    pid: int
    status: int


FromServer = Forked | NotForked | Exited

ToChild = Setup | Task | Ack | AdmissionReply
FromChild = Ready | AdmissionRequest | Postponed | JobDone | JobFailed | Finished | InternalError

TO_CHILD = msgspec.msgpack.Decoder(ToChild)
FROM_CHILD = msgspec.msgpack.Decoder(FromChild)
TO_SERVER = msgspec.msgpack.Decoder(Fork)
FROM_SERVER = msgspec.msgpack.Decoder(FromServer)

_encode = msgspec.msgpack.Encoder().encode


def channel() -> tuple[socket.socket, socket.socket]:
    """Open the two ends of a connection."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(sock: socket.socket, message: Struct, descriptors: tuple[int, ...] = ()) -> None:
    """Send one message; the descriptors stay the caller's to close."""
    rights = array.array("i", descriptors)
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if descriptors else []
    sock.sendmsg([_encode(message)], control)


def receive(
    sock: socket.socket, decoder: msgspec.msgpack.Decoder[T], most_descriptors: int
) -> tuple[T, list[int]]:
    """Receive one message and its descriptors, which the caller closes.

    Raises EOFError when the other side is gone, ProtocolError for what is no message.
    """
    room = socket.CMSG_SPACE(most_descriptors * _DESCRIPTOR_BYTES)
    data, control, flags, _ = sock.recvmsg(MOST_BYTES, room, socket.MSG_CMSG_CLOEXEC)
    descriptors = _descriptors_in(control) if control else []
    if not data and not descriptors:
        raise EOFError
    fault = "a packet with too much in it"
    if not flags & _CUT_OFF:
        try:
            return decoder.decode(data), descriptors
        except msgspec.MsgspecError as error:
            fault = f"no message: {error}"
    close_all(descriptors)
    raise ProtocolError(fault)


def _descriptors_in(control: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % _DESCRIPTOR_BYTES])
    return found.tolist()


def close_all(descriptors: list[int]) -> None:
    """Close descriptors, and forget them."""
    while descriptors:
        os.close(descriptors.pop())


def sealed_file(name: str, data: bytes | memoryview) -> int:
    """Put bytes into a memory file that nobody can change any more; give its descriptor."""
    fd = linux.memory_file(name, sealable=True)
    try:
        write_all(fd, data)
        fcntl.fcntl(fd, linux.F_ADD_SEALS, linux.SEALED)
    except BaseException:
        os.close(fd)
        raise
    return fd


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of these bytes."""
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def reopened(fd: int) -> int:
    """Open the same file once more, to be read only and with a position of its own."""
    return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
