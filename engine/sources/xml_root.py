"""Finds the root element of an XML document in one pass over its first bytes.

Nothing is parsed or expanded: what may stand before the root is skipped, each byte once.
"""

import re

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SPACE = re.compile(rb"\s*")
_NAME_END = re.compile(rb"[\s<>/]")
_DOCUMENT_TYPE = re.compile(rb"<!doctype", re.IGNORECASE)
_DECLARATION_TOKEN = re.compile(rb"""["'<>\[\]]""")
_CLOSERS = {b"<!--": b"-->", b"<?": b"?>"}


class EndOfHead(Exception):
    """The bytes at hand end before the root element begins."""


def root_name(head: bytes) -> bytes:
    """Return the root element's name in lower case, without its prefix.

    Empty if this is no XML; EndOfHead if the root is not within these bytes.
    """
    at = _after_space(head, len(BYTE_ORDER_MARK) if head.startswith(BYTE_ORDER_MARK) else 0)
    while (after := _after_item(head, at)) != at:
        at = _after_space(head, after)
    if head[at : at + 1] != b"<":
        return b""
    end = _NAME_END.search(head, at + 1)
    if end is None:
        raise EndOfHead
    return head[at + 1 : end.start()].lower().rpartition(b":")[2]


def _after_space(head: bytes, at: int) -> int:
    found = _SPACE.match(head, at)
    return found.end() if found else at


def _after_item(head: bytes, at: int) -> int:
    """Skip a comment, a processing instruction or a document type; the same place if none."""
    if declared := _DOCUMENT_TYPE.match(head, at):
        return _after_document_type(head, declared.end())
    return _after_remark(head, at)


def _after_document_type(head: bytes, at: int) -> int:
    """Skip up to and over its `>`; quotes, remarks and an internal subset may hold others."""
    depth = 0
    while token := _DECLARATION_TOKEN.search(head, at):
        at = token.end()
        match token[0]:
            case b'"' | b"'":
                at = _after(head, token[0], at)
            case b"<":
                at = max(at, _after_remark(head, at - 1))
            case b"[":
                depth += 1
            case b"]":
                depth -= 1
            case _ if depth <= 0:
                return at
    raise EndOfHead


def _after_remark(head: bytes, at: int) -> int:
    """Skip a comment or a processing instruction; the same place if there is none."""
    for opener, closer in _CLOSERS.items():
        if head.startswith(opener, at):
            return _after(head, closer, at + len(opener))
    return at


def _after(head: bytes, closer: bytes, at: int) -> int:
    found = head.find(closer, at)
    if found < 0:
        raise EndOfHead
    return found + len(closer)
