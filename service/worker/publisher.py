"""Publishes outputs to the storage, together where several are ready."""

from collections.abc import Sequence

import msgspec

from engine.errors import DarkroomError
from engine.schema import Description, Job
from service import failpoints
from service.metrics import Metrics
from service.sandbox.protocol import Output
from service.storage import Storage, Upload
from service.store import JobResult
from service.tracing import span
from service.worker.lease import Lease


class Publisher:
    """Publishes under a lease."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def publish(
        self, lease: Lease, storage: Storage, outputs: Sequence[tuple[int, Job, Output]]
    ) -> list[JobResult | DarkroomError]:
        """Store outputs and close their files; returns the result of each. Raises LeaseLost."""
        uploads = [
            Upload(
                key=job.destination,
                body=output.file,
                content_type=output.content_type,
                store=job.store,
            )
            for _, job, output in outputs
        ]
        try:
            with self._metrics.stage("store"), span("store", results=len(uploads)):
                lease.check()
                failpoints.reach("worker.before_put")
                errors = await storage.publish_all(uploads, check=lease.check)
        finally:
            for upload in uploads:
                upload.body.close()
        failpoints.reach("worker.after_put")
        return [
            error or self._count(result_of(position, output))
            for (position, _, output), error in zip(outputs, errors, strict=True)
        ]

    def _count(self, result: JobResult) -> JobResult:
        self._metrics.output_bytes.labels(result.format).inc(result.bytes or 0)
        return result


def result_of(position: int, output: Output) -> JobResult:
    """Return what is to be recorded of an output that is stored."""
    return JobResult(
        position=position,
        status="DONE",
        format=output.format,
        width=output.width,
        height=output.height,
        bytes=output.size,
        sha256=output.sha256,
        milliseconds=round(output.milliseconds),
        damaged=output.damaged or None,
        description=_text(output.description),
    )


def _text(description: Description | None) -> str | None:
    return None if description is None else msgspec.json.encode(description).decode()
