"""What is answered while the client waits, made in children of the API: explanations, previews.

Knows nothing of routes or records.
"""

from service.api.direct.explain import Explainer
from service.api.direct.preview import Image, Previewer, with_destination
from service.api.direct.ranged_reads import PartialFile, RangeReader

__all__ = ["Explainer", "Image", "PartialFile", "Previewer", "RangeReader", "with_destination"]
