"""OpenTelemetry spans, if they are enabled; otherwise they cost nothing.

The SDK is the extra `otel`. Where spans go and which are sampled is its own business: it reads
the variables OTEL_*.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import time_ns
from typing import TYPE_CHECKING, Literal

from service.outages import outages
from service.version import version

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer

Kind = Literal["INTERNAL", "SERVER", "CLIENT", "CONSUMER"]
Value = str | int | float | bool
COLLECTOR = "trace collector"  # its name as a dependency


class TracingUnavailable(Exception):
    """The extra is not installed."""


class Span:
    """A span that is open, or nothing."""

    traceparent: str | None = None
    """Its W3C trace context, for those that are to be its children."""

    def note(self, **attributes: Value | None) -> None:
        """Add attributes; those that are None are left out."""

    def fail(self, why: str) -> None:
        """Mark it as failed."""


class _OpenSpan(Span):
    def __init__(self, span: "OtelSpan") -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = (
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
        )

    def note(self, **attributes: Value | None) -> None:
        self._span.set_attributes(_named(attributes))

    def fail(self, why: str) -> None:
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - an extra

        self._span.set_status(Status(StatusCode.ERROR, why))


NOTHING = nullcontext(Span())
HTTP = {
    "http_method": "http.request.method", "http_route": "http.route",
    "http_status": "http.response.status_code",
}  # fmt: skip

_tracer: "Tracer | None" = None


def span(
    name: str, *, kind: Kind = "INTERNAL", parent: str | None = None, **attributes: Value | None
) -> AbstractContextManager[Span]:
    """Open a span while the body runs: a child of `parent`, a traceparent, or of what is open."""
    return NOTHING if _tracer is None else _open(_tracer, name, kind, parent, attributes)


def past_span(name: str, seconds: float, **attributes: Value | None) -> None:
    """Add a span that ends now and began so long ago, a child of what is open."""
    if _tracer is not None:
        now = time_ns()
        begun = _tracer.start_span(
            name, start_time=now - round(seconds * 1e9), attributes=_named(attributes)
        )
        begun.end(now)


def current_traceparent() -> str | None:
    """Return the trace context of what is open, if anything is."""
    if _tracer is None:
        return None
    from opentelemetry.trace import get_current_span  # noqa: PLC0415 - an extra

    found = get_current_span()
    return _OpenSpan(found).traceparent if found.get_span_context().is_valid else None


def export_traces(component: str) -> None:
    """Export spans from now on, by OTLP over HTTP; raises TracingUnavailable."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
            BatchSpanProcessor,
            SpanExportResult,
        )
    except ImportError:
        raise TracingUnavailable(
            "traces need the extra otel: pip install '.[otel]' in Darkroom's folder"
        ) from None

    class Exporter(OTLPSpanExporter):
        """Tells of a collector that is away as of any other dependency."""

        def export(self, spans: "Sequence[ReadableSpan]") -> SpanExportResult:
            result = super().export(spans)
            if result is SpanExportResult.SUCCESS:
                outages.worked(COLLECTOR)
            else:
                outages.failed(COLLECTOR, "spans could not be exported")
            return result

    named = {"service.name": f"darkroom-{component}", "service.version": version()}
    provider = TracerProvider(resource=Resource(named).merge(Resource.create()))
    provider.add_span_processor(BatchSpanProcessor(Exporter()))
    trace_with(provider)


def trace_with(provider: "TracerProvider | None") -> None:
    """Send spans to a provider, or to none."""
    global _tracer  # noqa: PLW0603 - one for the process, as logs are
    _tracer = provider.get_tracer("darkroom", version()) if provider else None


@contextmanager
def _open(
    tracer: "Tracer",
    name: str,
    kind: Kind,
    parent: str | None,
    attributes: Mapping[str, Value | None],
) -> Iterator[Span]:
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - an extra

    with tracer.start_as_current_span(
        name,
        context=_context_of(parent) if parent else None,
        kind=SpanKind[kind],
        attributes=_named(attributes),
    ) as opened:
        yield _OpenSpan(opened)


def _context_of(traceparent: str) -> "Context":
    from opentelemetry.trace import (  # noqa: PLC0415 - an extra
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        set_span_in_context,
    )

    _, trace, parent, flags = traceparent.split("-")[:4]
    context = SpanContext(
        int(trace, 16), int(parent, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )
    return set_span_in_context(NonRecordingSpan(context))


def _named(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    return {
        HTTP.get(name, f"darkroom.{name}"): value
        for name, value in attributes.items()
        if value is not None
    }
