"""Reads lists of text from XMP in one pass over its XML, in any encoding.

Namespaces are followed here and not by expat, which would write the whole name of each
element's namespace out again. A document type ends the reading, so no entity is ever declared.
"""

from collections.abc import Sequence
from typing import NamedTuple
from xml.parsers import expat

MOST_BYTES = 1024 * 1024  # of a packet; what comes after them is not looked at
MOST_ELEMENTS = 20_000  # alike
MOST_CHARACTERS = 8_000  # of all items of a list

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
_LANGUAGE = "xml:lang"


class Item(NamedTuple):
    """One text of a list, and its language if that is told."""

    text: str
    language: str = ""


class _Refused(Exception):
    """The document declares types."""


def read_lists(raw: bytes, names: Sequence[str]) -> dict[str, list[Item]]:
    """Read the lists of the Dublin Core properties of these names, empty where there are none.

    All of them are empty if the XML is damaged before its root ends, or declares types.
    """
    reader = _Reader(names)
    try:
        reader.parser.Parse(raw[:MOST_BYTES].lstrip(b" \t\r\n"), len(raw) <= MOST_BYTES)
    except (expat.ExpatError, ValueError, LookupError):  # the latter for unknown encodings
        if reader.depth:
            return {name: [] for name in names}
    except _Enough:
        pass
    except _Refused:
        return {name: [] for name in names}
    return reader.found


class _Enough(Exception):
    """There are more elements than are looked at."""


class _Reader:
    """Follows the elements of a document; `found` are the items of the lists wanted.

    `field` is the property within whose element the reading is, `since` that element's depth;
    `item` is the text of the list's item that is open at depth `item_at`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.found: dict[str, list[Item]] = {name: [] for name in names}
        self.depth = 0
        self._left = MOST_ELEMENTS
        self._room = dict.fromkeys(names, MOST_CHARACTERS)
        self._spaces: dict[str, list[str]] = {}
        self._declared: list[tuple[str, ...]] = []
        self._field, self._since = "", 0
        self._item: list[str] = []
        self._item_at, self._language = 0, ""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _refuse(self, *_: object) -> None:
        raise _Refused

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._left == 0:
            raise _Enough
        self._left -= 1
        self.depth += 1
        prefixes = tuple(key for key in attributes if key.startswith("xmlns"))
        for key in prefixes:
            self._spaces.setdefault(key, []).append(attributes[key])
        self._declared.append(prefixes)
        space, local = self._resolved(name)
        if not self._field and space == _DUBLIN_CORE and local in self.found:
            self._field, self._since = local, self.depth
        elif self._field and not self._item_at and (space, local) == (_RDF, "li"):
            self._item_at, self._language = self.depth, attributes.get(_LANGUAGE, "")

    def _text(self, text: str) -> None:
        if self._item_at == self.depth and self._room.get(self._field, 0) > 0:
            self._item.append(text)
            self._room[self._field] -= len(text)

    def _end(self, _name: str) -> None:
        if self._item_at == self.depth and self._field:
            self.found[self._field].append(Item("".join(self._item), self._language))
            self._item, self._item_at = [], 0
        if self._since == self.depth:
            self._field, self._since = "", 0
        for key in self._declared.pop():
            self._spaces[key].pop()
        self.depth -= 1

    def _resolved(self, name: str) -> tuple[str, str]:
        """Return an element's namespace, empty if there is none, and its local name."""
        prefix, colon, local = name.rpartition(":")
        spaces = self._spaces.get(f"xmlns:{prefix}" if colon else "xmlns")
        return (spaces[-1] if spaces else ""), local
