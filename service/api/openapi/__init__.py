"""The reference: an OpenAPI 3.1 document made from the types that read requests and write answers.

Knows nothing of requests.
"""

from service.api.openapi.document import build_document

__all__ = ["build_document"]
