"""The demo: packs the surface-defect model, inspects a folder of parts, and leaves a page that shows what happened.

Parts are the texture photographs with painted defects of examples/train when scikit-image is at hand; otherwise the sample parts
that ship with the examples. `python -m tools.demo --output DIR`.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import lnx
import numpy as np
from lnx.container import (
    FamilyRecipient,
    load_family_keys,
    load_public_key,
    load_signing_key,
    new_container_key,
    new_family_key,
    verify_container,
)
from lnx.pack import pack
from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
PARTS = ROOT / "examples/parts"
MODEL = ROOT / "examples/models/surface_defects.onnx"
LABELS = ["background", "scratch", "dent", "stain"]
OPTIONS = {
    "colour": "RGB",
    "scale": 1 / 255,
    "mean": [0.0],
    "std": [1.0],
    "resize": "stretch",
    "lib": "opencv",
    "interp": "linear",
    "activation": "softmax",
    "min_area_px": 30,
    "threshold": 0.6,
    "guard": 0.05,
}
console = Console(stderr=True)


def pack_demo(output: Path) -> tuple[Path, Path, Path, Path]:
    """Makes keys and two containers: one open, one encrypted for a family key."""
    keys = output / "keys"
    shutil.rmtree(keys, ignore_errors=True)
    private, public = new_container_key(keys, "demo")
    family = new_family_key(keys, "fam-demo")
    signing = load_signing_key(private)
    samples = sorted(PARTS.glob("*.png"))[:3]
    common: dict[str, Any] = {"preset": "segmentation", "labels": LABELS, "options": OPTIONS, "signing_key": signing, "images": samples}
    pack(MODEL, output / "surface.lnx", name="surface-defects", **common)
    recipients = [FamilyRecipient(*key) for key in load_family_keys(family)]
    pack(MODEL, output / "surface-encrypted.lnx", name="surface-defects", recipients=recipients, **common)
    return output / "surface.lnx", output / "surface-encrypted.lnx", public, family


def parts_folder(output: Path) -> Path:
    """The parts as a line would leave them: several file formats, Korean names."""
    folder = output / "parts 부품"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for i, path in enumerate(sorted(PARTS.glob("*.png"))):
        image = lnx.read_image(path)
        suffix = (".png", ".jpg", ".bmp", ".tiff")[i % 4]
        lnx.write_image(folder / f"부품-{path.stem}{suffix}", image)
    return folder


def inspect(model: Path, public: Path, family: Path | None, folder: Path, output: Path, device: str) -> list[dict[str, Any]]:
    truth = json.loads((PARTS / "truth.json").read_text(encoding="utf-8"))
    rows = []
    (output / "overlays").mkdir(exist_ok=True)
    with lnx.Session(model, device=device, trusted_keys=[public], key_file=family, program="demo") as session:
        selftest = session.self_test()
        told = session.describe()
        with (output / "results.jsonl").open("w", encoding="utf-8", newline="\n") as lines:
            for path in track(sorted(folder.iterdir()), description="inspecting", console=console):
                image = lnx.read_image(path)
                result = session.run(image)
                canvas = result.draw(image)
                lnx.write_image(output / "overlays" / f"{path.stem}.png", canvas)
                record = {"file": path.name, **result.to_dict()}
                lines.write(json.dumps(record, ensure_ascii=False) + "\n")
                stem = path.stem.removeprefix("부품-")
                rows.append({"record": record, "overlay": canvas, "truth": truth[stem], "selftest": selftest, "model": told})
    return rows


def _picture(image: Any) -> str:
    good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 88])
    assert good
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def _bars(values: list[float], unit: str, marker: float | None = None) -> str:
    """A histogram as inline SVG."""
    counts, edges = np.histogram(values, bins=14)
    top, width, height = max(1, int(counts.max())), 420, 120
    step = width / len(counts)
    bars = "".join(
        f'<rect x="{i * step + 1:.1f}" y="{height - height * c / top:.1f}" width="{step - 2:.1f}" height="{height * c / top:.1f}" rx="2"/>'
        for i, c in enumerate(counts)
    )
    line = ""
    if marker is not None and edges[-1] > edges[0]:
        x = width * (marker - edges[0]) / (edges[-1] - edges[0])
        line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}" stroke="#b3261e" stroke-width="2" stroke-dasharray="5 4"/>'
    labels = f'<text x="0" y="{height + 18}">{edges[0]:.2f} {unit}</text><text x="{width}" y="{height + 18}" text-anchor="end">{edges[-1]:.2f} {unit}</text>'
    return f'<svg viewBox="0 0 {width} {height + 24}" role="img"><g fill="#4a7bd0">{bars}</g>{line}<g font-size="12" fill="#567">{labels}</g></svg>'


STYLE = """
body{font:16px/1.5 "Segoe UI","Noto Sans KR","Malgun Gothic",sans-serif;margin:0;background:#f3f6f9;color:#14202b}
header{background:#14283c;color:#fff;padding:28px 40px}h1{margin:0;font-size:28px}header p{margin:6px 0 0;color:#b9c9d8}
main{max-width:1180px;margin:0 auto;padding:24px}.tiles{display:flex;gap:16px;flex-wrap:wrap}.tile{flex:1;min-width:150px;background:#fff;
border-radius:12px;padding:18px 22px;box-shadow:0 1px 3px #0002}.tile b{display:block;font-size:34px}.OK b{color:#187a34}.NG b{color:#b3261e}
.REVIEW b{color:#9a6700}h2{margin:32px 0 12px;font-size:20px}.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:14px}
figure{margin:0;background:#fff;border-radius:10px;overflow:hidden;box-shadow:0 1px 3px #0002}figure img{width:100%;display:block}
figcaption{padding:8px 12px;font-size:13px;color:#456}.wrong{outline:3px solid #b3261e}.cards{display:flex;gap:16px;flex-wrap:wrap}
.card{flex:1;min-width:340px;background:#fff;border-radius:12px;padding:16px 20px;box-shadow:0 1px 3px #0002}table{border-collapse:collapse;width:100%}
td{padding:4px 8px;border-bottom:1px solid #e4eaf0;font-size:14px}button{float:right;background:#fff2;color:#fff;border:1px solid #fff6;
border-radius:6px;padding:6px 14px;font:inherit;cursor:pointer}[lang=ko]{display:none}body.ko [lang=ko]{display:inline}body.ko [lang=en]{display:none}
"""


def _both(english: str, korean: str) -> str:
    return f'<span lang="en">{html.escape(english)}</span><span lang="ko">{html.escape(korean)}</span>'


def page(rows: list[dict[str, Any]], checks: list[str]) -> str:
    counts = Counter(row["record"]["verdict"] for row in rows)
    right = sum((row["record"]["verdict"] != "OK") == bool(row["truth"]["defects"]) for row in rows)
    names = {"OK": "양품", "NG": "불량", "REVIEW": "재검"}
    tiles = "".join(f'<div class="tile {v}"><b>{counts.get(v, 0)}</b>{_both(v, names[v] + " " + v)}</div>' for v in names)
    tiles += f'<div class="tile"><b>{right} / {len(rows)}</b>{_both("agree with the painted truth", "실제 결함과 일치")}</div>'
    times = [row["record"]["timings_us"]["total"] / 1000 for row in rows]
    scores = [row["record"]["score"] for row in rows]
    model, test = rows[0]["model"], rows[0]["selftest"]
    facts = [
        (_both("model", "모델"), f"{model['name']} {model['version']}"),
        (_both("device", "장치"), model["device"]),
        ("ONNX Runtime", model["runtime"]["version"]),
        (_both("preprocessing", "전처리"), model["preprocessing"]),
        (
            _both("self-test, largest error", "자가 진단 최대 오차"),
            f"pre {test['pre_max_error']:.1e}, model {test['model_max_error']:.1e}, post {test['post_max_error']:.1e}",
        ),
        *((_both("file check", "파일 검사"), check) for check in checks),
    ]
    table = "".join(f"<tr><td>{name}</td><td>{html.escape(str(value))}</td></tr>" for name, value in facts)
    figures = ""
    for row in rows:
        record, truth = row["record"], ", ".join(row["truth"]["defects"]) or "-"
        wrong = (record["verdict"] != "OK") != bool(row["truth"]["defects"])
        figures += (
            f'<figure class="{"wrong" if wrong else ""}"><img src="{_picture(row["overlay"])}" alt="{html.escape(record["file"])}">'
            f"<figcaption><b>{html.escape(record['file'])}</b><br>{record['verdict']} {record['score']:.2f} · "
            f"{_both('painted', '실제')}: {html.escape(truth)}</figcaption></figure>"
        )
    title = _both("Surface inspection", "표면 검사")
    subtitle = _both(f"{len(rows)} parts, one signed model file", f"부품 {len(rows)}개, 서명된 모델 파일 하나")
    korean = "<script>if(navigator.language.startsWith('ko'))document.body.classList.add('ko')</script>"
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>LNX Edge demo</title><style>{STYLE}</style></head><body>'
        f"<header><button onclick=\"document.body.classList.toggle('ko')\">한국어 / English</button><h1>LNX Edge · {title}</h1><p>{subtitle}</p></header>"
        f'<main><div class="tiles">{tiles}</div><h2>{_both("What ran", "실행 정보")}</h2><div class="cards"><div class="card"><table>{table}</table></div>'
        f'<div class="card"><b>{_both("time per part", "부품당 시간")}</b>{_bars(times, "ms")}'
        f"<b>{_both('score, with the threshold', '점수와 임계값')}</b>{_bars(scores, '', rows[0]['record']['threshold'])}</div></div>"
        f'<h2>{_both("Parts", "부품")}</h2><div class="grid">{figures}</div></main>{korean}</body></html>'
    )


def run_demo(output: Path, device: str = "auto") -> dict[str, Any]:
    """Runs everything; returns the counts."""
    output.mkdir(parents=True, exist_ok=True)
    model, encrypted, public, family = pack_demo(output)
    checks = verify_container(encrypted, [load_public_key(public)])
    folder = parts_folder(output)
    rows = inspect(encrypted, public, family, folder, output, device)
    with lnx.Session(model, device=device, trusted_keys=[public], events=False) as session:
        again = session.run(sorted(folder.iterdir())[0])
    assert str(again.verdict) == rows[0]["record"]["verdict"]
    (output / "index.html").write_text(page(rows, checks), encoding="utf-8")
    counts = Counter(row["record"]["verdict"] for row in rows)
    right = sum((row["record"]["verdict"] != "OK") == bool(row["truth"]["defects"]) for row in rows)
    return {"parts": len(rows), "verdicts": dict(counts), "agree_with_truth": right, "page": str(output / "index.html")}


def main() -> int:
    parser = argparse.ArgumentParser(description="Packs the demo model, inspects parts, writes a page.")
    parser.add_argument("--output", type=Path, default=Path("demo-output"))
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    try:
        told = run_demo(options.output, options.device)
    except lnx.LnxError as error:
        console.print(str(error), style="red", markup=False)
        return 1
    console.print("  ".join(f"{verdict} {count}" for verdict, count in sorted(told["verdicts"].items())), style="bold")
    console.print(f"{told['agree_with_truth']} of {told['parts']} parts agree with the painted truth")
    print(told["page"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
