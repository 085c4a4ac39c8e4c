"""Refuse by name what this build cannot do yet, before any work."""

from engine.errors import InvalidRequest
from engine.formats import TRAITS
from engine.transforms import (
    Annotation,
    Batch,
    Blur,
    Enhance,
    Filter,
    FilterName,
    Job,
    Ulb,
    Watermark,
    Words,
)

NOT_YET = (Annotation, Blur, Enhance, Ulb, Watermark)
FILTERS_NOT_YET = {
    FilterName.EDGEDETECT, FilterName.EMBOSS, FilterName.BLURGAUSSIAN,
    FilterName.BLURSELECTIVE, FilterName.MEANREMOVAL, FilterName.SMOOTH,
}  # fmt: skip


def check(batch: Batch) -> None:
    """Raise InvalidRequest, code ``not_available``, for the first thing that is not there."""
    for index, job in enumerate(batch.jobs):
        _check_job(job, f"jobs[{index}]")


def _check_job(job: Job, path: str) -> None:
    for index, words in enumerate(job.transformations):
        _check_words(words, f"{path}.transformations[{index}]")
    if job.output_format not in TRAITS:
        known = ", ".join(name.value for name in TRAITS)
        found = job.output_format.value
        raise _missing(f"{path}.destination", f"expected a format of {known}, got {found}")


def _check_words(words: Words, path: str) -> None:
    name = type(words).__name__.lower()
    if isinstance(words, NOT_YET):
        raise _missing(f"{path}.type", f"{name} is not available in this version")
    if isinstance(words, Filter) and words.filter in FILTERS_NOT_YET:
        found = words.filter.value
        raise _missing(f"{path}.filter", f"filter {found} is not available in this version")


def _missing(path: str, words: str) -> InvalidRequest:
    return InvalidRequest(f"{path}: {words}", path, "not_available")
