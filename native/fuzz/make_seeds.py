"""Makes the seed corpora: small containers and manifests of every task. `python native/fuzz/make_seeds.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lnx.container import FamilyRecipient, OpenRecipient, PublicInfo, load_signing_key, new_container_key, write_container

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


def main() -> None:
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


if __name__ == "__main__":
    main()
