"""Work packed for a child: one small message and the descriptors that go with it."""

import os
from typing import Self

import msgspec

from engine.errors import LimitExceeded
from service.sandbox.parent.admission import Share
from service.sandbox.protocol import SandboxLimits, Work, wire


class PackedWork:
    """A context that holds the descriptors: source and inputs, before them a long payload."""

    def __init__(self, work: Work, limits: SandboxLimits, share: Share) -> None:
        if len(work.inputs) > limits.max_inputs:
            raise LimitExceeded(
                "too many files beside the source",
                "max_inputs",
                limits.max_inputs,
                len(work.inputs),
                "files",
            )
        self.wanted = tuple(range(len(work.jobs))) if work.wanted is None else work.wanted
        self.budget = work.budget
        self.owner = work.owner
        self._descriptors: list[int] = []
        asked = wire.Payload(
            jobs=work.jobs,
            wanted=self.wanted,
            inputs=tuple(work.inputs),
            limits=work.limits,
            threads=work.threads,
            free_bytes=share.free_bytes,
            free_seconds=share.free_seconds,
        )
        payload = msgspec.msgpack.encode(asked)
        try:
            if len(payload) > wire.MOST_INLINE:
                self._descriptors.append(wire.sealed_file("payload", payload))
                payload = b""
            self.task = wire.Task(work.deadline, payload)
            for file in (work.source, *work.inputs.values()):
                self._descriptors.append(wire.reopened(file.fileno()))
        except BaseException:
            wire.close_all(self._descriptors)
            raise

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What goes with the task; they stay this object's to close."""
        return tuple(self._descriptors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        wire.close_all(self._descriptors)


def file_states(work: Work) -> list[tuple[int, int]]:
    """Give size and time of last change of each file of a work."""
    found = (os.fstat(file.fileno()) for file in (work.source, *work.inputs.values()))
    return [(status.st_size, status.st_mtime_ns) for status in found]
