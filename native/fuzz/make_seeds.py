"""Makes the seed corpora: small containers whole and in parts, manifests of every task, preprocessing recipes.

`python native/fuzz/make_seeds.py`
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import struct
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from lnx.container import FamilyRecipient, OpenRecipient, PublicInfo, dsse, load_signing_key, new_container_key, write_container
from lnx.container.keys import key_id, point_of
from lnx.container.trust import role_key, sign_key_list

SEEDS = Path(__file__).resolve().parent / "seeds"
TENSOR = '{"name":"x","dtype":"f32","shape":["N",3,8,8],"layout":"NCHW"}'
PRE = (
    '[{"op":"color","to":"RGB"},{"op":"crop","mode":"rect","rect":[0,0,9,9],"rounding":"floor"},'
    '{"op":"resize","mode":"letterbox","size":[8,8],"interp":"linear","lib":"opencv","antialias":false,"anchor":"top_left","pad":[114]},'
    '{"op":"cast","to":"f32"},{"op":"scale","mul":0.5},{"op":"normalize","mean":[0],"std":[1]},{"op":"layout","to":"NCHW"}]'
)
DECODES = {
    "classification": '{"kind":"classification","activation":"softmax","multi_label":false,"top_k":3}',
    "detection": '{"kind":"yolox","strides":[8],"decoded_in_graph":false,"activation_in_graph":true,"score_floor":0.1}',
    "segmentation": '{"kind":"segmentation","mode":"multi_class","activation":"none","layout":"NHWC","fill_holes":true}',
}


def manifest(task: str) -> str:
    return (
        f'{{"schema":"1.0","model":{{"name":"m","version":"1"}},"task":"{task}","graphs":[{{"id":"main","file":"model.onnx",'
        f'"inputs":[{TENSOR}],"outputs":[{{"name":"y","dtype":"f32","shape":["N",2]}}],"batch":[1,4]}}],'
        f'"input":{{"accept":["BGR8"],"window":{{"lo":0,"hi":4095}}}},"pre":{PRE},"decode":{DECODES[task]},'
        '"nms":{"kind":"class_aware","iou":0.5},"labels":[{"id":0,"name":"a","color":"#00FF00","threshold":0.4,"min_area_px":3}],'
        '"thresholds":{"space":"raw","score":0.5,"guard":0.1},'
        '"verdict":{"rules":[{"kind":"count","labels":[0],"at_least":1,"then":"NG"}],"otherwise":"OK"},'
        '"golden":[],"tolerance":{"pre":0.1},"limits":{"min_width":2},"meta":{"note":"kept"}}'
    )


def text(content: str | bytes) -> bytes:
    """A part of a forged container: length, then bytes."""
    raw = content.encode() if isinstance(content, str) else content
    return len(raw).to_bytes(2, "little") + raw


def forged(
    *,
    chunk: int = 0,
    flags: int = 0,
    edits: bytes = b"",
    flip: tuple[int, int] = (0xFFFF, 0),
    manifest: str = "",
    recipients: str = "",
    signatures: str = "",
    table: str = "",
    rest: bytes = b"",
) -> bytes:
    """What container_fuzz.cpp reads in its last mode: the parts that the forge signs, hashes and encrypts."""
    head = bytes([3, chunk, flags | len(edits) // 2 << 2]) + edits + flip[0].to_bytes(2, "little") + bytes([flip[1]])
    return head + text(manifest) + text(recipients) + text(signatures) + text(table) + rest


def table(*contents: bytes) -> tuple[str, bytes]:
    """An entry table and the payload behind it. Offsets count from the payload's begin, where the table's length stands."""
    entries, body, offset = [], b"", 4096
    for i, content in enumerate(contents):
        entries.append({"name": f"e{i}", "offset": offset, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()})
        body += content.ljust(-(-len(content) // 4096) * 4096, b"\0")
        offset += -(-len(content) // 4096) * 4096
    told = json.dumps({"entries": entries}, separators=(",", ":"))
    return told, bytes(4096 - 4 - len(told)) + body


def forged_seeds() -> dict[str, bytes]:
    told, rest = table(b"abc", b"")
    zeros = "A" * 43 + "="
    return {
        "plain": forged(rest=b"{}"),
        "chunks": forged(chunk=0, rest=bytes(9000)),
        "table": forged(table=told, rest=rest),
        "wide": forged(chunk=12, table=told, rest=rest),
        "raw": forged(flags=16, rest=b"\x02\0\0\0{}"),
        "public": forged(manifest='{"model_id":"m","version":"1","epoch":3,"min_core":"1.0.0","title":"\ubd80\ud488"}', rest=b"{}"),
        "open": forged(recipients='[{"type":"open","key":"' + zeros + '"}]', rest=b"{}"),
        "family": forged(recipients='[{"type":"family","kid":"fam","nonce":"AAAAAAAAAAAAAAAA","ct":"' + "A" * 64 + '"}]', rest=b"{}"),
        "signatures": forged(signatures='[{"keyid":"0000000000000000","sig":"' + "A" * 86 + '=="}]', rest=b"{}"),
        "header": forged(edits=bytes([8, 2, 16, 13]), rest=b"{}"),
        "cipher": forged(flip=(5, 1), rest=b"{}"),
        "commitment": forged(flags=1, rest=b"{}"),
        "mac": forged(flags=2, rest=b"{}"),
    }


def main() -> None:
    (SEEDS / "container").mkdir(parents=True, exist_ok=True)
    for name, content in forged_seeds().items():
        (SEEDS / "container" / f"forged-{name}.bin").write_bytes(content)
    (SEEDS / "image").mkdir(parents=True, exist_ok=True)
    dice = random.Random(1)
    for i in range(24):
        (SEEDS / "image" / f"{i:02}.bin").write_bytes(dice.randbytes(96))
    for task in DECODES:
        (SEEDS / "manifest").mkdir(parents=True, exist_ok=True)
        (SEEDS / "manifest" / f"{task}.json").write_text(manifest(task), encoding="utf-8")
    (SEEDS / "container").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        private, _ = new_container_key(folder, "seed")
        for name, recipient in (("open", OpenRecipient()), ("family", FamilyRecipient("fam", bytes(32)))):
            path = Path(folder) / f"{name}.lnx"
            write_container(
                path,
                entries={"manifest.json": b"{}", "model.onnx": b"x" * 100},
                public=PublicInfo("m", "1"),
                signing_key=load_signing_key(private),
                recipients=[recipient],
                chunk_log2=12,
            )
            content = path.read_bytes()
            (SEEDS / "container" / f"{name}.bin").write_bytes(b"\0" + content)
            begin = content.index(b'{"r":')
            (SEEDS / "container" / f"{name}-recipients.bin").write_bytes(b"\1" + content[begin : content.index(b'"}', begin) + 2])
            begin = content.index(b'[{"keyid"')
            (SEEDS / "container" / f"{name}-signature.bin").write_bytes(b"\2" + content[begin : content.index(b"}]", begin) + 2])
    make_license_seeds()
    (SEEDS / "evidence").mkdir(parents=True, exist_ok=True)
    for name, block in evidence_blocks().items():
        (SEEDS / "evidence" / f"{name}.bin").write_bytes(b"\0" + block)


def evidence_blocks() -> dict[str, bytes]:
    """Blocks of records as the agent writes them; evidence_fuzz.cpp mends the checksums."""

    def field(tag: int, content: bytes) -> bytes:
        return bytes((tag, len(content))) + content

    def frame(number: int, event: bytes) -> bytes:
        uid = field(0x32, field(0x0A, b"log.record.uid") + field(0x12, field(0x0A, b"s:%012d" % number)))
        text = field(0x32, field(0x0A, b"model") + field(0x12, field(0x0A, b"m")))
        record = b"\x09" + bytes(8) + b"\x10\x09\x2a\x00" + text + uid + b"\x38\x01\x59" + bytes(8) + field(0x62, event)
        return struct.pack("<IQIq", len(record), number, 0, number * 10) + record

    return {
        "ordinary": frame(0, b"lnx.error") + frame(1, b"lnx.run.summary"),
        "declared": frame(0, b"agent.gap"),
        "renumbered": frame(7, b"lnx.error") + frame(3, b"lnx.error"),
    }


def make_license_seeds() -> None:
    """One seed per depth of license_fuzz.cpp: whole file, key list, envelope, payload."""
    folder = SEEDS / "license"
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    point = base64.b64encode(point_of(key.public_key())).decode()
    terms = {
        "v": 1,
        "license_id": "seed",
        "issue": 2,
        "replaces": "older",
        "issued_at": "2026-11-01T00:00:00Z",
        "not_after": "2027-01-01T00:00:00Z",
        "maintenance_until": "2027-12-31",
        "dongles": [{"type": "piv-p256-9e", "pub": point, "serial": "1", "attested": True, "role": "spare"}],
        "features": {"cameras": 4, "gpu": True, "tools": ["ocr"]},
        "models": [{"model_id": "m", "min_epoch": 7, "not_after": None}],
        "grace": {"boot_s": 1, "unplug_s": 2, "expired_h": 3},
        "min_core": "1.0.0",
        "revokes": ["x"],
        "runtime_sha256": ["00" * 32],
        "keys": [
            {"kid": "f", "to": key_id(key.public_key()), "enc": point, "ct": base64.b64encode(bytes(48)).decode()},
        ],
    }
    payload = json.dumps(terms).encode()
    keys = [role_key(key.public_key(), "license", "seed")]
    key_list = sign_key_list(1, keys, key, datetime(2026, 11, 1, tzinfo=UTC))
    whole = {**dsse.sign("application/vnd.lnx.license+json;v=1", payload, [key]), "key_list": key_list}
    for depth, content in enumerate((json.dumps(whole).encode(), json.dumps(key_list).encode(), json.dumps(whole).encode(), payload)):
        (folder / f"depth-{depth}.bin").write_bytes(bytes([depth]) + content)


if __name__ == "__main__":
    main()
