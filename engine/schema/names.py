"""Options that are a set of names, such as the metadata to keep."""

from typing import Any, ClassVar, Self

from engine.schema.scalars import shown


class Names:
    """Some of a few names, in the order in which they were given, each once."""

    __slots__ = ("names",)
    known: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, known: tuple[str, ...]) -> None:
        cls.known = known

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self.names = names

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Read a name or a list of names."""
        names: list[Any] = raw if isinstance(raw, list) else [raw]
        for name in names:
            if name not in cls.known:
                known = ", ".join(cls.known)
                raise ValueError(f"expected {known} or a list of such names, got {shown(name)}")
        return cls(tuple(dict.fromkeys(names)))

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what is accepted."""
        name = {"type": "string", "enum": list(cls.known)}
        return {"anyOf": [name, {"type": "array", "items": name}]}

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.names == other.names

    def __hash__(self) -> int:
        return hash(self.names)

    def __repr__(self) -> str:
        return repr(self.names)


class Keep(Names, known=("copyright",)):
    """What a result keeps of its source's metadata."""

    __slots__ = ()
