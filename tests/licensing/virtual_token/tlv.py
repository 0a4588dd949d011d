"""BER-TLV as PIV uses it: tags of one to three bytes, lengths of up to 65535."""

from __future__ import annotations


class MalformedError(Exception):
    """The bytes are no TLV."""


def encode(tag: int, value: bytes = b"") -> bytes:
    head = tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big")
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    elif size < 0x100:
        length = bytes([0x81, size])
    else:
        length = b"\x82" + size.to_bytes(2, "big")
    return head + length + value


def decode(data: bytes) -> dict[int, bytes]:
    """The values of one level by tag; a tag that comes twice keeps the last."""
    found: dict[int, bytes] = {}
    at = 0
    try:
        while at < len(data):
            tag, at = _tag(data, at)
            size, at = _length(data, at)
            if at + size > len(data):
                raise MalformedError
            found[tag] = data[at : at + size]
            at += size
    except IndexError:
        raise MalformedError from None
    return found


def _tag(data: bytes, at: int) -> tuple[int, int]:
    tag = data[at]
    at += 1
    if tag & 0x1F == 0x1F:
        while True:
            tag = tag << 8 | data[at]
            at += 1
            if not data[at - 1] & 0x80:
                break
    return tag, at


def _length(data: bytes, at: int) -> tuple[int, int]:
    size = data[at]
    at += 1
    if size & 0x80:
        digits = size & 0x7F
        if not 1 <= digits <= 3 or at + digits > len(data):
            raise MalformedError
        size = int.from_bytes(data[at : at + digits], "big")
        at += digits
    return size, at
