"""The two clients: one that blocks, one to await. Both do the calls of `calls`."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, TypeVar

import httpx

from darkroom_client import calls
from darkroom_client.calls import Call, Pause, Send
from darkroom_client.types import (
    CallbackStatus,
    Created,
    Job,
    Preset,
    PresetSummary,
    ProcessPage,
    ProcessStatus,
    Request,
    Retried,
)

T = TypeVar("T")

TRIES = 5
SECONDS = 60.0  # for an answer; longer than any request may wait at the server


class Darkroom:
    """A client that blocks; use it in a `with`, or call `close`.

    `tries` is how often a request is sent that is not answered, or answered 429 or 503.
    """

    def __init__(
        self, url: str, *, token: str, service_id: int, tries: int = TRIES, seconds: float = SECONDS
    ) -> None:
        self._http = httpx.Client(base_url=url, headers=_authorised(token), timeout=seconds)
        self._service_id = service_id
        self._tries = tries

    def submit(
        self,
        source: str,
        jobs: Sequence[Job],
        *,
        callback: str | None = None,
        priority: str = "normal",
        key: str | None = None,
    ) -> str:
        """Create a process, and give its id; the same `key` never creates a second one."""
        request = Request(source=source, jobs=jobs, callback=callback, priority=priority)
        return self._do(calls.submit(self._service_id, request, key=key, tries=self._tries))

    def submit_many(self, requests: Sequence[Request], *, key: str | None = None) -> list[Created]:
        """Create many processes at once; gives an id or an error for each, in their order."""
        call = calls.submit_many(self._service_id, requests, key=key, tries=self._tries)
        return self._do(call)

    def status(self, process_id: str) -> ProcessStatus | None:
        """Give the status of a process, or None if there is none of that id."""
        return self._do(calls.status(process_id, tries=self._tries))

    def wait(self, process_id: str, *, seconds: float = 600) -> ProcessStatus:
        """Wait until a process has ended; raises TimeoutError and LookupError."""
        return self._do(calls.wait(process_id, seconds=seconds, tries=self._tries))

    def processes(
        self,
        *,
        status: str | None = None,
        created_after: str | None = None,
        created_before: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ProcessPage:
        """List processes, the newest first; `cursor` is the `next_cursor` of the page before."""
        filters = {
            "status": status, "created_after": created_after, "created_before": created_before,
            "limit": limit, "cursor": cursor,
        }  # fmt: skip
        return self._do(calls.processes(filters, tries=self._tries))

    def redeliver(self, process_id: str, callback_id: str) -> CallbackStatus:
        """Have a callback sent again, at once, and give how it stands."""
        return self._do(calls.redeliver(process_id, callback_id, tries=self._tries))

    def retry(
        self,
        ids: Sequence[str],
        *,
        all: bool = False,  # noqa: A002
        source: Literal["recorded", "new"] = "recorded",
    ) -> list[Retried]:
        """Queue ended processes again: their failed jobs, or all of them."""
        call = calls.retry(self._service_id, ids, all_jobs=all, source=source, tries=self._tries)
        return self._do(call)

    def cancel(self, process_id: str) -> ProcessStatus:
        """Cancel a process, and give its status."""
        return self._do(calls.cancel(process_id, tries=self._tries))

    def explain(self, source: str, jobs: Sequence[Job]) -> dict[str, Any]:
        """Tell how jobs would be done, without doing them."""
        return self._do(calls.explain(self._service_id, source, jobs, tries=self._tries))

    def preview(self, source: str, job: Job) -> bytes:
        """Give the image that a job makes; nothing is stored."""
        return self._do(calls.preview(self._service_id, source, job, tries=self._tries))

    def put_preset(self, name: str, definition: Mapping[str, Any]) -> Preset:
        """Save a preset, or replace it: the fields of a job but its destination."""
        return self._do(calls.put_preset(name, definition, tries=self._tries))

    def preset(self, name: str) -> Preset | None:
        """Give a preset, or None if there is none of that name."""
        return self._do(calls.preset(name, tries=self._tries))

    def presets(self) -> list[PresetSummary]:
        """List the presets, by name."""
        return self._do(calls.presets(tries=self._tries))

    def delete_preset(self, name: str) -> bool:
        """Delete a preset; False if there was none."""
        return self._do(calls.delete_preset(name, tries=self._tries))

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, call: Call[T]) -> T:
        answer = None
        try:
            while True:
                step = call.send(answer)
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    answer = None
                else:
                    answer = self._send(step)
        except StopIteration as end:
            result: T = end.value
            return result

    def _send(self, step: Send) -> httpx.Response | httpx.TransportError:
        try:
            return self._http.request(
                step.method, step.path,
                content=step.body, headers=dict(step.headers), params=dict(step.params),
            )  # fmt: skip
        except httpx.TransportError as error:
            return error


class AsyncDarkroom:
    """The same to await; use it in an `async with`, or await `close`."""

    def __init__(
        self, url: str, *, token: str, service_id: int, tries: int = TRIES, seconds: float = SECONDS
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, headers=_authorised(token), timeout=seconds)
        self._service_id = service_id
        self._tries = tries

    async def submit(
        self,
        source: str,
        jobs: Sequence[Job],
        *,
        callback: str | None = None,
        priority: str = "normal",
        key: str | None = None,
    ) -> str:
        """Create a process, and give its id; the same `key` never creates a second one."""
        request = Request(source=source, jobs=jobs, callback=callback, priority=priority)
        return await self._do(calls.submit(self._service_id, request, key=key, tries=self._tries))

    async def submit_many(
        self, requests: Sequence[Request], *, key: str | None = None
    ) -> list[Created]:
        """Create many processes at once; gives an id or an error for each, in their order."""
        call = calls.submit_many(self._service_id, requests, key=key, tries=self._tries)
        return await self._do(call)

    async def status(self, process_id: str) -> ProcessStatus | None:
        """Give the status of a process, or None if there is none of that id."""
        return await self._do(calls.status(process_id, tries=self._tries))

    async def wait(self, process_id: str, *, seconds: float = 600) -> ProcessStatus:
        """Wait until a process has ended; raises TimeoutError and LookupError."""
        return await self._do(calls.wait(process_id, seconds=seconds, tries=self._tries))

    async def processes(
        self,
        *,
        status: str | None = None,
        created_after: str | None = None,
        created_before: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ProcessPage:
        """List processes, the newest first; `cursor` is the `next_cursor` of the page before."""
        filters = {
            "status": status, "created_after": created_after, "created_before": created_before,
            "limit": limit, "cursor": cursor,
        }  # fmt: skip
        return await self._do(calls.processes(filters, tries=self._tries))

    async def redeliver(self, process_id: str, callback_id: str) -> CallbackStatus:
        """Have a callback sent again, at once, and give how it stands."""
        return await self._do(calls.redeliver(process_id, callback_id, tries=self._tries))

    async def retry(
        self,
        ids: Sequence[str],
        *,
        all: bool = False,  # noqa: A002
        source: Literal["recorded", "new"] = "recorded",
    ) -> list[Retried]:
        """Queue ended processes again: their failed jobs, or all of them."""
        call = calls.retry(self._service_id, ids, all_jobs=all, source=source, tries=self._tries)
        return await self._do(call)

    async def cancel(self, process_id: str) -> ProcessStatus:
        """Cancel a process, and give its status."""
        return await self._do(calls.cancel(process_id, tries=self._tries))

    async def explain(self, source: str, jobs: Sequence[Job]) -> dict[str, Any]:
        """Tell how jobs would be done, without doing them."""
        return await self._do(calls.explain(self._service_id, source, jobs, tries=self._tries))

    async def preview(self, source: str, job: Job) -> bytes:
        """Give the image that a job makes; nothing is stored."""
        return await self._do(calls.preview(self._service_id, source, job, tries=self._tries))

    async def put_preset(self, name: str, definition: Mapping[str, Any]) -> Preset:
        """Save a preset, or replace it: the fields of a job but its destination."""
        return await self._do(calls.put_preset(name, definition, tries=self._tries))

    async def preset(self, name: str) -> Preset | None:
        """Give a preset, or None if there is none of that name."""
        return await self._do(calls.preset(name, tries=self._tries))

    async def presets(self) -> list[PresetSummary]:
        """List the presets, by name."""
        return await self._do(calls.presets(tries=self._tries))

    async def delete_preset(self, name: str) -> bool:
        """Delete a preset; False if there was none."""
        return await self._do(calls.delete_preset(name, tries=self._tries))

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _do(self, call: Call[T]) -> T:
        answer = None
        try:
            while True:
                step = call.send(answer)
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    answer = None
                else:
                    answer = await self._send(step)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _send(self, step: Send) -> httpx.Response | httpx.TransportError:
        try:
            return await self._http.request(
                step.method, step.path,
                content=step.body, headers=dict(step.headers), params=dict(step.params),
            )  # fmt: skip
        except httpx.TransportError as error:
            return error


def _authorised(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "User-Agent": "darkroom-client-python/0.2.0"}
