"""Korean text, width buckets, dictionaries and borders, with graphs made for the test: a line is a bright strip, and each character is
a cell of its own grey level, so that what must be read is known exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import lnx
import numpy as np
import onnx
import pytest
from lnx.container import OpenRecipient, PublicInfo, load_public_key, load_signing_key, read_container, write_container
from lnx.manifest import (
    Cast,
    Color,
    Graph,
    Label,
    Layout,
    Manifest,
    ModelInfo,
    Normalize,
    OcrDecode,
    OcrReader,
    Rule,
    Scale,
    TensorSpec,
    Thresholds,
    VerdictRules,
)
from lnx.pack import pack
from onnx import TensorProto, helper, numpy_helper

CHARACTERS = ["양", "품", "불", "량", "검", "사", "완", "료", "🏭"]
CELL = 32  # pixels of a character at a line height of 48; the gap after it as well
BLANK = 128


def level(index: int) -> int:
    """Grey of class ``index``: the blank is paper, characters are brighter."""
    return BLANK if index == 0 else 140 + 12 * (index - 1)


def _save(path: Path, nodes: list[Any], weights: list[Any], output: list[Any]) -> Path:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "H", "W"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, output)
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9).SerializeToString())
    onnx.checker.check_model(str(path))
    return path


def detector(path: Path) -> Path:
    """Probability = brightness."""
    weights = [
        numpy_helper.from_array(np.full((1, 3, 1, 1), 1 / 6, np.float32), "w"),
        numpy_helper.from_array(np.full(1, 0.5, np.float32), "b"),
    ]
    return _save(path, [helper.make_node("Conv", ["x", "w", "b"], ["y"])], weights, ["N", 1, "H", "W"])


def reader(path: Path, classes: int, *, declared: bool = True) -> Path:
    """Columns of eight pixels. One that is of one grey reads as the class of that grey, any other as the blank."""
    grey = np.array([(level(i) / 255 - 0.5) / 0.5 for i in range(classes)], np.float32).reshape(1, 1, classes)
    character = (np.arange(classes) > 0).astype(np.float32).reshape(1, 1, classes)
    weights = [
        numpy_helper.from_array(grey, "grey"),
        numpy_helper.from_array(-300 * character, "sharp"),
        numpy_helper.from_array(-400 * character, "even"),
        numpy_helper.from_array(6 * character, "bias"),
        numpy_helper.from_array(np.array([2], np.int64), "two"),
    ]
    weights += [numpy_helper.from_array(np.array([side], np.int64), f"at{side}") for side in (16, 32)]
    window = {"kernel_shape": [16, 8], "strides": [16, 8]}
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["whole"], axes=[1], keepdims=1),
        helper.make_node("Slice", ["whole", "at16", "at32", "two"], ["gray"]),
        helper.make_node("Neg", ["gray"], ["negative"]),
        helper.make_node("MaxPool", ["gray"], ["most"], **window),
        helper.make_node("MaxPool", ["negative"], ["least"], **window),
        helper.make_node("AveragePool", ["gray"], ["mean"], **window),
        helper.make_node("Add", ["most", "least"], ["spread"]),
    ]
    for name in ("mean", "spread"):
        nodes.append(helper.make_node("Squeeze", [name, "two"], [f"{name}_row"]))
        nodes.append(helper.make_node("Transpose", [f"{name}_row"], [f"{name}_column"], perm=[0, 2, 1]))
    nodes += [
        helper.make_node("Sub", ["mean_column", "grey"], ["off"]),
        helper.make_node("Abs", ["off"], ["distance"]),
        helper.make_node("Mul", ["distance", "sharp"], ["far"]),
        helper.make_node("Mul", ["spread_column", "even"], ["uneven"]),
        helper.make_node("Add", ["far", "uneven"], ["sum"]),
        helper.make_node("Add", ["sum", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"], axis=2),
    ]
    return _save(path, nodes, weights, ["N", "T", classes if declared else "C"])


def draw(lines: list[str], size: tuple[int, int] = (640, 400)) -> Any:
    """Lines of cells on black: uint8 [H, W, 3]."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for row, line in enumerate(lines):
        top = 20 + 90 * row
        image[top : top + 48, 20 : 20 + CELL * (2 * len(line) + 1)] = BLANK
        for i, character in enumerate(line):
            left = 20 + CELL * (2 * i + 1)
            image[top : top + 48, left : left + CELL] = level(CHARACTERS.index(character) + 1 if character != " " else len(CHARACTERS) + 1)
    return image


def recipe(*, widths: list[int] | None = None, declared: bool = True) -> Manifest:
    pre = [Color(to="BGR"), Cast(), Scale(mul=1 / 255), Normalize(mean=[0.5], std=[0.5]), Layout()]
    x = TensorSpec(name="x", dtype="f32", shape=["N", 3, "H", "W"], layout="NCHW")
    classes: Any = len(CHARACTERS) + 2 if declared else "C"
    decode = {"kind": "ocr", "detector": {"side": 320, "box_threshold": 0.4, "unclip": 0.0}}
    return Manifest(
        schema="1.1",
        model=ModelInfo(name="cells", version="1"),
        task="ocr",
        graphs=[
            Graph(id="find", file="find.onnx", inputs=[x], outputs=[TensorSpec(name="y", dtype="f32", shape=["N", 1, "H", "W"])]),
            Graph(id="read", file="read.onnx", inputs=[x], outputs=[TensorSpec(name="y", dtype="f32", shape=["N", "T", classes])], pre=pre),
        ],
        pre=pre,
        decode=OcrDecode(**{**decode, "reader": OcrReader(graph="read", size=(160, 48), batch=4, widths=widths or [])}),
        labels=[Label(id=0, name="text", name_ko="문자")],
        thresholds=Thresholds(score=0.5),
        verdict=VerdictRules(rules=[Rule(kind="count", at_least=2, then="OK")], otherwise="NG"),
    )


DICTIONARY = ("\n".join(CHARACTERS) + "\n").encode()


def packed(folder: Path, keys: tuple[Path, Path], dictionary: bytes = DICTIONARY, **options: Any) -> Path:
    manifest = recipe(**options)
    classes = len(CHARACTERS) + 2
    find, read = detector(folder / "find.onnx"), reader(folder / "read.onnx", classes, declared=options.get("declared", True))
    output = folder / "text.lnx"
    pack(
        find,
        output,
        manifest=manifest,
        graphs={"read": read},
        extra_entries={"dictionary.txt": dictionary},
        images=[draw(["양품", "검사완료"])],
        signing_key=load_signing_key(keys[0]),
    )
    return output


def opened(path: Path, keys: tuple[Path, Path], **options: Any) -> lnx.Session:
    return lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False, **options)


LINES = ["양품 검사", "불량", "검사완료", "🏭양"]


@pytest.mark.parametrize("widths", [[], [160, 320, 480]])
def test_korean_lines_are_read_in_order(tmp_path: Path, keys: tuple[Path, Path], widths: list[int]) -> None:
    with opened(packed(tmp_path, keys, widths=widths), keys) as session:
        result = session.run(draw(LINES))
        assert [line.text for line in result.texts] == LINES
        assert result.verdict == "OK"
        assert [c.text for c in result.texts[0].characters] == list(LINES[0])
        for line, text in zip(result.texts, LINES, strict=True):
            for i, character in enumerate(line.characters):
                centre = 20 + CELL * (2 * i + 1.5)
                assert character.box[0] <= centre <= character.box[2], f"{text}: {character}"
        told = result.to_dict()
        assert told["texts"][1]["text"] == "불량" and told["task"] == "ocr"
        import json

        schema = Path(__file__).resolve().parents[2] / "docs/reference/result.schema.json"
        jsonschema.validate(told, json.loads(schema.read_text(encoding="utf-8")))
        assert session.self_test()["passed"]
        assert [graph["id"] for graph in session.describe()["graphs"]] == ["find", "reader"]


def test_a_line_on_its_side_is_turned(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    with opened(packed(tmp_path, keys), keys) as session:
        standing = np.ascontiguousarray(np.rot90(draw(["검사완료"], (400, 100)), -1))
        assert [line.text for line in session.run(standing).texts] == ["검사완료"]


def test_a_line_beyond_the_last_bucket_is_squeezed_not_cut(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    with opened(packed(tmp_path, keys, widths=[160, 320]), keys) as session:
        assert [line.text for line in session.run(draw(["검사완료양"], (800, 120))).texts] == ["검사완료양"]


def test_many_lines_fill_several_batches(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    lines = [("양품" if i % 3 else "불량검사")[: 2 + i % 3] for i in range(11)]
    with opened(packed(tmp_path, keys), keys) as session:
        assert [line.text for line in session.run(draw(lines, (400, 1040))).texts] == lines


def test_nothing_to_read_is_a_result(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    with opened(packed(tmp_path, keys), keys) as session:
        for shape in ((400, 480, 3), (1, 1, 3), (3, 900, 3), (700, 2, 3)):
            result = session.run(np.zeros(shape, np.uint8))
            assert result.texts == () and result.verdict == "NG"
        assert session.run(draw(LINES), threshold=1.01).texts == ()


@pytest.mark.parametrize(
    ("dictionary", "message"),
    [
        (b"", "empty"),
        ("\n".join(CHARACTERS[:-1]).encode(), "10 classes"),
        ("\n".join([*CHARACTERS, "더"]).encode(), "12 classes"),
        ("\n".join(CHARACTERS).encode("utf-16"), "UTF-8"),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_dictionary_that_does_not_match_is_refused_by_the_core(
    tmp_path: Path, keys: tuple[Path, Path], dictionary: bytes, message: str, declared: bool
) -> None:
    path = packed(tmp_path, keys, declared=declared)
    entries = {**read_container(path, trusted=[load_public_key(keys[1])]).entries, "dictionary.txt": dictionary}
    write_container(path, entries=entries, public=PublicInfo("m", "1"), signing_key=load_signing_key(keys[0]), recipients=[OpenRecipient()])
    with pytest.raises(lnx.LnxError) as caught:
        opened(path, keys)
    assert caught.value.status == 240 and message in caught.value.found


def test_a_dictionary_that_does_not_match_is_refused_when_packing(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    for dictionary in (b"", "\n".join(CHARACTERS[1:]).encode(), b"\xff\xfe"):
        with pytest.raises(lnx.LnxError) as caught:
            packed(tmp_path, keys, dictionary)
        assert caught.value.status == 240
        assert not (tmp_path / "text.lnx").exists()
