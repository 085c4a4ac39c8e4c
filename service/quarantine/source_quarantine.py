"""Quarantines sources that have killed too many children, across processes.

To hash every source would cost more than most of them cost to render. So a process knows the sizes
of what is in quarantine, which is hardly ever anything, and hashes only what has one of them.
"""

import asyncio
import math
import os
import time
from datetime import timedelta
from typing import BinaryIO

import structlog

from service.errors import SourceQuarantined
from service.quarantine.identity import sha256_of
from service.settings import Settings
from service.store import UNAVAILABLE, Quarantine

REFRESH_SECONDS = 10.0  # until another worker knows
MOST = 10_000  # sizes; what is beyond is tried again

log = structlog.get_logger(__name__)


class SourceQuarantine:
    """The sources of each service that are in quarantine, as this process knows them."""

    def __init__(self, quarantine: Quarantine, settings: Settings) -> None:
        self._quarantine = quarantine
        self._least = settings.source_crashes
        self._window = timedelta(hours=settings.source_quarantine_hours)
        self._sizes: set[tuple[int, int]] = set()
        self._learned_at = -math.inf

    async def run(self) -> None:
        """Keep learning what other workers have found."""
        while True:
            await self._learn()
            await asyncio.sleep(REFRESH_SECONDS)

    async def _learn(self) -> None:
        try:
            self._sizes = await self._quarantine.sizes(self._least, self._window, MOST)
        except UNAVAILABLE as error:
            log.warning("quarantine_unknown", error=repr(error))

    async def learn_and_check(self, service_id: int, source: BinaryIO) -> None:
        """Check a source where nothing runs `run`, since sources are seldom tried."""
        if time.monotonic() - self._learned_at >= REFRESH_SECONDS:
            self._learned_at = time.monotonic()
            await self._learn()
        await self.check(service_id, source)

    async def check(self, service_id: int, source: BinaryIO) -> None:
        """Raise SourceQuarantined if a source is not to be tried."""
        if (service_id, _size(source)) not in self._sizes:
            return
        sha256 = await sha256_of(source)
        found = await self._quarantine.find(
            service_id, sha256, least=self._least, window=self._window
        )
        if found is not None:
            raise SourceQuarantined(
                f"this source has killed {found.crashes} rendering processes and is not tried "
                f"before {found.until:%Y-%m-%d %H:%M:%S} UTC, unless an operator lifts that: "
                f"darkroom services lift-quarantine {service_id} {sha256}"
            )

    async def note(self, service_id: int, source: BinaryIO, crashes: int) -> None:
        """Note that a source has killed children and that nothing could be made of it."""
        sha256, size = await sha256_of(source), _size(source)
        try:
            total = await self._quarantine.note(
                service_id, sha256, size, crashes=crashes, window=self._window
            )
        except UNAVAILABLE as error:
            log.warning("crashes_not_noted", service_id=service_id, error=repr(error))
            return
        if total >= self._least:
            log.warning("source_quarantined", service_id=service_id, sha256=sha256, crashes=total)
            self._sizes = self._sizes | {(service_id, size)}


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
