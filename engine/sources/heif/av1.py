"""AV1's sequence header: whether samples use the full range, which HEIF does not always say."""

_SEQUENCE_HEADER = 1  # the type of its OBU
_MOST_BYTES = 1024  # that are looked at; a sequence header has some twenty
_SELECTED = 2  # of screen content tools
_SRGB = (1, 13, 0)  # code points for which levels are full without a word


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """Return the next bits; ValueError if they are not there."""
        self._left -= count
        if self._left < 0:
            raise ValueError("the header ends")
        return self._value >> self._left & ((1 << count) - 1)

    def skip_variable(self) -> None:
        """Pass over a number that says itself how long it is."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        self.take(min(zeros, 32))


def has_full_range(data: bytes) -> bool | None:
    """Read the first sequence header among OBUs; None if there is none that can be read."""
    try:
        body = _sequence_header(data[:_MOST_BYTES])
        return None if body is None else _full_range(_Bits(body))
    except (IndexError, ValueError):
        return None


def _sequence_header(data: bytes) -> bytes | None:
    at = 0
    while at < len(data):
        head = data[at]
        at += 2 if head & 4 else 1
        size = len(data) - at
        if head & 2:
            size, shift = 0, 0
            while True:
                size |= (data[at] & 0x7F) << shift
                at, shift = at + 1, shift + 7
                if not data[at - 1] & 0x80:
                    break
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            return data[at : at + size]
        at += size
    return None


def _full_range(bits: _Bits) -> bool:
    profile = bits.take(3)
    bits.take(1)
    reduced = bits.take(1)
    if reduced:
        bits.take(5)
    else:
        _skip_operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    bits.take(wide)
    bits.take(high)
    if not reduced and bits.take(1):
        bits.take(7)
    bits.take(3)
    if not reduced:
        _skip_tools(bits)
    bits.take(3)
    return _colours_full(bits, profile)


def _skip_operating_points(bits: _Bits) -> None:
    delays = -1
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            bits.skip_variable()
        if bits.take(1):  # the decoder's model
            delays = bits.take(5) + 1
            bits.take(42)
    displays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delays >= 0 and bits.take(1):
            bits.take(2 * delays + 1)
        if displays and bits.take(1):
            bits.take(4)


def _skip_tools(bits: _Bits) -> None:
    bits.take(4)
    ordered = bits.take(1)
    if ordered:
        bits.take(2)
    screen = _SELECTED if bits.take(1) else bits.take(1)
    if screen and not bits.take(1):
        bits.take(1)
    if ordered:
        bits.take(3)


def _colours_full(bits: _Bits, profile: int) -> bool:
    deep = bits.take(1)
    if profile == 2 and deep:
        bits.take(1)
    grey = 0 if profile == 1 else bits.take(1)
    code = (bits.take(8), bits.take(8), bits.take(8)) if bits.take(1) else (2, 2, 2)
    return True if code == _SRGB and not grey else bool(bits.take(1))
