"""Requests that are answered while the client waits, by children of the API: explain, preview.

Knows nothing about routes or records.
"""

from service.api.direct.explain import Explainer
from service.api.direct.preview import Image, Previewer, with_destination
from service.api.direct.ranged_reads import PartialFile, RangeReader

__all__ = ["Explainer", "Image", "PartialFile", "Previewer", "RangeReader", "with_destination"]
