"""The reference: an OpenAPI 3.1 document, made from the types of requests and answers.

Knows nothing about requests.
"""

from service.api.openapi.document import build_document

__all__ = ["build_document"]
