"""The API's reference: an OpenAPI 3.1 document made from the types that do the work.

Knows nothing of requests.
"""

from service.api.openapi.document import build_document

__all__ = ["build_document"]
