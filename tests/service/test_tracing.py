"""One trace from the POST through the worker's stages to the callback."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.settings import Settings
from service.tracing import NOTHING, current_traceparent, span, trace_with
from tests.service.harness.api_client import Api
from tests.service.harness.receiver import receiving
from tests.service.harness.tenants import Tenant
from tests.service.harness.workers import until, working

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace_with(provider)
    yield exporter
    trace_with(None)


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


async def test_a_trace_goes_from_the_post_to_the_callback(
    api: Api, settings: Settings, tenant: Tenant, exported: InMemorySpanExporter
) -> None:
    async with receiving() as receiver, working(settings):
        body = tenant.body("a.png", callback=receiver.url)
        answer = await api.post(tenant, body, {"traceparent": TRACE})
        await asyncio.wait_for(receiver.arrived.wait(), 10)

        async def all_there() -> bool:
            return "callback" in {each.name for each in exported.get_finished_spans()}

        await until(all_there)
    spans = {each.name: each for each in exported.get_finished_spans()}
    assert set(spans) == {
        "POST /request", "process", "wait", "fetch", "render", "store", "settle", "callback"
    }  # fmt: skip
    contexts = {name: each.context for name, each in spans.items() if each.context}
    ids = {name: context.span_id for name, context in contexts.items()}
    assert {f"{context.trace_id:032x}" for context in contexts.values()} == {TRACE[3:35]}
    assert parent_of(spans["POST /request"]) == int(TRACE[36:52], 16)
    assert parent_of(spans["process"]) == ids["POST /request"]
    for stage in ("wait", "fetch", "render", "store", "settle", "callback"):
        assert parent_of(spans[stage]) == ids["process"], stage
    told = f"00-{TRACE[3:35]}-{ids['callback']:016x}-01"
    assert receiver.only.headers["traceparent"] == told
    attributes = spans["process"].attributes or {}
    assert attributes["darkroom.process_id"] == answer.words["process_id"]
    assert attributes["darkroom.request_id"] == answer.headers["X-Request-Id"]
    assert (spans["POST /request"].attributes or {})["http.response.status_code"] == 200
    began, ended = spans["wait"].start_time or 0, spans["wait"].end_time or 0
    assert 0 <= ended - began < 10e9


async def test_probes_are_not_traced_and_failures_are_marked(
    api: Api, tenant: Tenant, exported: InMemorySpanExporter
) -> None:
    await api.ask("GET", "/livez")
    await api.ask("GET", "/request/none", tenant)
    [only] = exported.get_finished_spans()
    assert (only.name, only.status.is_ok) == ("GET /request/{process_id}", True)


def test_without_traces_there_is_nothing_and_no_sdk() -> None:
    assert span("work", parent=TRACE) is NOTHING
    assert current_traceparent() is None
    code = "import sys, service.worker, service.api; print('opentelemetry' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
