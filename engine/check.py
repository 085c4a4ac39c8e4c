"""Refuse by name what this build cannot do yet, before any work."""

from engine.errors import InvalidRequest
from engine.formats import TRAITS
from engine.transforms import Batch


def check(batch: Batch) -> None:
    """Raise InvalidRequest, code ``not_available``, for the first format that is not there."""
    for index, job in enumerate(batch.jobs):
        if job.output_format not in TRAITS:
            path = f"jobs[{index}].destination"
            known = ", ".join(name.value for name in TRAITS)
            found = job.output_format.value
            what = f"{path}: expected a format of {known}, got {found}"
            raise InvalidRequest(what, path, "not_available")
