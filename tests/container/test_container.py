"""The container is what was signed, or it is refused: by the core's reader and by the plain twin, each bit of it."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from lnx.container import (
    FamilyKey,
    FamilyRecipient,
    OpenRecipient,
    PublicInfo,
    inspect_container,
    load_family_keys,
    load_public_key,
    load_signing_key,
    new_container_key,
    new_family_key,
    read_container,
    verify_container,
    write_container,
)
from lnx.container.keys import point_of
from lnx.errors import LnxError

ENTRIES = {"manifest.json": b"{}", "model.onnx": bytes(range(256)) * 20, "empty": b""}


def _write(path: Path, private: Path, *, chunk_log2: int = 12, recipients: list[object] | None = None) -> bytes:
    write_container(
        path,
        entries=ENTRIES,
        public=PublicInfo("part", "1.0", title="부품"),
        signing_key=load_signing_key(private),
        recipients=recipients or [OpenRecipient()],  # type: ignore[arg-type]
        chunk_log2=chunk_log2,
    )
    return path.read_bytes()


@pytest.fixture
def small(tmp_path: Path, keys: tuple[Path, Path]) -> bytes:
    return _write(tmp_path / "부품.lnx", keys[0])


def _twin_status(content: bytes, public: Path, family: list[FamilyKey] | None = None) -> int:
    try:
        read_container(content, trusted=[load_public_key(public)], family_keys=family or [])
    except LnxError as error:
        return error.status
    return 0


def _point(public: Path) -> bytes:
    return point_of(load_public_key(public))


def test_what_was_packed_is_read_back(small: bytes, keys: tuple[Path, Path], testing: ModuleType) -> None:
    container = read_container(small, trusted=[load_public_key(keys[1])])
    assert dict(container.entries) == ENTRIES
    assert container.public["title"] == "부품"
    assert testing.open_status(small, _point(keys[1]), "", b"") == 0


def test_every_single_bit_flip_is_refused_by_the_core_with_its_own_status(
    small: bytes, keys: tuple[Path, Path], testing: ModuleType
) -> None:
    statuses = testing.flip_statuses(small, _point(keys[1]))
    assert len(statuses) == len(small) * 8
    accepted = [bit // 8 for bit, status in enumerate(statuses) if status == 0]
    assert accepted == []
    seen = Counter(statuses)
    assert {203, 204, 205, 206, 209, 210, 211, 213, 215} <= set(seen), seen


def test_the_plain_twin_agrees_on_a_sample_of_flips(small: bytes, keys: tuple[Path, Path], testing: ModuleType) -> None:
    statuses = testing.flip_statuses(small, _point(keys[1]))
    header = struct.unpack_from("<Q", small, 120)[0]
    sample = [*range(0, 128 * 8), *range(128 * 8, header * 8, 97), *range(header * 8, len(small) * 8, 4099)]
    for bit in sample:
        flipped = bytearray(small)
        flipped[bit // 8] ^= 1 << (bit % 8)
        assert _twin_status(bytes(flipped), keys[1]) == statuses[bit], f"bit {bit} of byte {bit // 8}"


def test_every_truncation_and_any_trailing_data_are_refused(small: bytes, keys: tuple[Path, Path], testing: ModuleType) -> None:
    statuses = testing.truncation_statuses(small, _point(keys[1]))
    assert statuses[0] == 203
    assert set(statuses[1:]) == {207}
    for tail in (b"\0", b"x" * 5000):
        assert testing.open_status(small + tail, _point(keys[1]), "", b"") == 208
        assert _twin_status(small + tail, keys[1]) == 208


@pytest.mark.parametrize(
    ("offset", "value", "status"),
    [
        (8, b"\x02\x00", 205),
        (12, b"\x01\x00\x00\x00", 206),
        (16, b"\x0b", 206),
        (17, b"\x02", 206),
        (24, (9 << 30).to_bytes(8, "little"), 224),
        (96, (2 << 20).to_bytes(4, "little"), 224),
        (112, (17 << 10).to_bytes(4, "little"), 224),
        (116, (257 << 10).to_bytes(4, "little"), 224),
        (96, b"\xff\xff\xff\xff", 224),
    ],
)
def test_unknown_versions_and_over_long_lengths_are_refused_before_memory_is_taken(
    offset: int, value: bytes, status: int, small: bytes, keys: tuple[Path, Path], testing: ModuleType
) -> None:
    changed = small[:offset] + value + small[offset + len(value) :]
    assert testing.open_status(changed, _point(keys[1]), "", b"") == status
    assert _twin_status(changed, keys[1]) == status


def test_a_signature_by_another_key_is_not_trusted(small: bytes, tmp_path: Path, testing: ModuleType) -> None:
    _, other = new_container_key(tmp_path, "other")
    assert testing.open_status(small, _point(other), "", b"") == 210
    assert _twin_status(small, other) == 210


def test_a_family_container_opens_with_its_key_alone(tmp_path: Path, keys: tuple[Path, Path], testing: ModuleType) -> None:
    family = load_family_keys(new_family_key(tmp_path, "fam-2026"))[0]
    content = _write(tmp_path / "f.lnx", keys[0], recipients=[FamilyRecipient(*family)])
    point = _point(keys[1])
    assert testing.open_status(content, point, "fam-2026", family.key) == 0
    assert testing.open_status(content, point, "", b"") == 212
    assert testing.open_status(content, point, "another", family.key) == 212
    assert testing.open_status(content, point, "fam-2026", bytes(32)) == 213
    assert _twin_status(content, keys[1], [family]) == 0
    assert _twin_status(content, keys[1], [FamilyKey("fam-2026", bytes(32))]) == 213
    assert b"model.onnx" not in content, "the names of entries are secret too"


def test_chunks_of_every_size_hold_the_same_entries(tmp_path: Path, keys: tuple[Path, Path], testing: ModuleType) -> None:
    for log2 in (12, 13, 16, 20, 24):
        content = _write(tmp_path / f"{log2}.lnx", keys[0], chunk_log2=log2)
        assert testing.open_status(content, _point(keys[1]), "", b"") == 0
        assert dict(read_container(content, trusted=[load_public_key(keys[1])]).entries) == ENTRIES


def test_verify_and_inspect_need_no_key_to_the_content(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    family = FamilyKey("fam", bytes(32))
    path = tmp_path / "v.lnx"
    _write(path, keys[0], recipients=[FamilyRecipient(*family)])
    assert any("as signed" in line for line in verify_container(path, [load_public_key(keys[1])]))
    assert inspect_container(path)["recipients"] == [{"type": "family", "kid": "fam"}]


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    def stop(fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_container(
            tmp_path / "x.lnx",
            entries=ENTRIES,
            public=PublicInfo("p", "1"),
            signing_key=load_signing_key(keys[0]),
            recipients=[OpenRecipient()],
            progress=stop,
        )
    assert list(tmp_path.iterdir()) == []


def test_key_files_tell_what_is_wrong_with_them(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    (tmp_path / "text.pem").write_text("hello", encoding="utf-8")
    for call in (
        lambda: load_signing_key(tmp_path / "none.pem"),
        lambda: load_signing_key(tmp_path / "text.pem"),
        lambda: load_public_key(keys[0]),
        lambda: load_family_keys(tmp_path / "text.pem"),
        lambda: new_container_key(keys[0].parent, "test"),
    ):
        with pytest.raises(LnxError) as caught:
            call()
        assert caught.value.status == 227
        assert caught.value.found and caught.value.expected
    private, _ = new_container_key(tmp_path, "locked", password="열쇠")
    assert private.stat().st_mode & 0o077 == 0
    load_signing_key(private, "열쇠")
    with pytest.raises(LnxError, match="password"):
        load_signing_key(private)
