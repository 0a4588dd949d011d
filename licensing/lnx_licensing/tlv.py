"""BER-TLV as PIV tokens speak it."""

from __future__ import annotations


def encode(tag: int, value: bytes = b"") -> bytes:
    """One element; ``value`` of at most 65535 bytes."""
    head = tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big")
    if len(value) < 0x80:
        return head + bytes([len(value)]) + value
    if len(value) < 0x100:
        return head + bytes([0x81, len(value)]) + value
    return head + b"\x82" + len(value).to_bytes(2, "big") + value


def decode(data: bytes) -> dict[int, bytes]:
    """The values of one level by tag. ValueError when the bytes are no TLV or a tag comes twice."""
    found: dict[int, bytes] = {}
    rest = data
    while rest:
        tag, size, head = _head(rest)
        if head + size > len(rest):
            raise ValueError("an element that is longer than its container")
        if tag in found:
            raise ValueError("an element that stands twice")
        found[tag] = rest[head : head + size]
        rest = rest[head + size :]
    return found


def _head(data: bytes) -> tuple[int, int, int]:
    """Tag, length of the value, and how many bytes both take."""
    try:
        at = 1
        if data[0] & 0x1F == 0x1F:
            while data[at] & 0x80:
                at += 1
            at += 1
        if at > 3:
            raise ValueError("a tag of more than three bytes")
        tag = int.from_bytes(data[:at], "big")
        first = data[at]
        if first < 0x80:
            return tag, first, at + 1
        digits = first & 0x7F
        if not 1 <= digits <= 3:
            raise ValueError("a length of another form")
        size = int.from_bytes(data[at + 1 : at + 1 + digits], "big")
        if len(data) < at + 1 + digits:
            raise ValueError("an element that ends in its length")
    except IndexError:
        raise ValueError("an element that ends in its head") from None
    return tag, size, at + 1 + digits
