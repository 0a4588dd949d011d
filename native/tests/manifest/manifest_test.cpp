// A manifest is read whole or refused with the field that is wrong: its path, what stands there, what may stand there.
#include "manifest/manifest.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/platform.h"
#include "base/status.h"

namespace {

using namespace lnx;
using nlohmann::json;

json Document() {
  return json::parse(R"({
    "schema": "1.0", "model": {"name": "부품 검사", "version": "3.2.1"}, "task": "classification",
    "graphs": [{"id": "main", "file": "model.onnx", "batch": [1, 4],
      "inputs": [{"name": "x", "dtype": "f32", "shape": ["N", 3, 8, 8], "layout": "NCHW"}],
      "outputs": [{"name": "y", "dtype": "f32", "shape": ["N", 2], "role": "logits"}]}],
    "input": {"accept": ["BGR8", "GRAY16"], "window": {"lo": 16, "hi": 4095}},
    "pre": [{"op": "color", "to": "RGB"}, {"op": "crop", "mode": "center", "size": [9, 9]},
      {"op": "resize", "mode": "letterbox", "size": [8, 8], "interp": "linear", "lib": "opencv", "pad": [1, 2, 3]},
      {"op": "cast", "to": "f32"}, {"op": "scale", "mul": 0.5}, {"op": "normalize", "mean": [0.5], "std": [0.25]},
      {"op": "layout", "to": "NCHW"}],
    "decode": {"kind": "classification", "activation": "softmax", "top_k": 2},
    "nms": {"kind": "class_aware", "iou": 0.5},
    "labels": [{"id": 0, "name": "양품"}, {"id": 7, "name": "scratch", "name_ko": "긁힘", "color": "#00ff7F", "threshold": 0.25}],
    "thresholds": {"space": "raw", "score": 0.6, "guard": 0.1},
    "verdict": {"rules": [{"kind": "count", "labels": [7], "at_least": 2, "then": "NG"}], "otherwise": "OK"},
    "limits": {"min_width": 2, "max_width": 9000}, "tolerance": {"pre": 0.1}, "meta": {"anything": ["goes"]}, "x_note": 1
  })");
}

manifest::Manifest Parse(const std::string& text) {
  return manifest::Parse({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, "part.lnx");
}

Finding Refusal(const std::string& text, LnxStatus expected) {
  try {
    Parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), expected) << error.what();
    EXPECT_TRUE(platform::IsUtf8(error.what(), std::strlen(error.what())));
    return error.finding();
  }
  ADD_FAILURE() << "accepted: " << text.substr(0, 400);
  return {};
}

TEST(Manifest, IsReadWholeWithDefaultsForWhatIsLeftOut) {
  const manifest::Manifest m = Parse(Document().dump());
  EXPECT_EQ(m.name, "부품 검사");
  EXPECT_EQ(m.task, LNX_TASK_CLASSIFICATION);
  EXPECT_EQ(m.graphs[0].inputs[0].shape, (std::vector<int64_t>{-1, 3, 8, 8}));
  EXPECT_EQ(m.graphs[0].batch, (std::vector<int64_t>{1, 4}));
  ASSERT_EQ(m.pre.size(), 7u);
  const auto& resize = std::get<manifest::ResizeOp>(m.pre[2]);
  EXPECT_EQ(resize.pad[2], 3);
  EXPECT_TRUE(resize.scale_up);
  EXPECT_EQ(m.input.window->hi, 4095u);
  EXPECT_EQ(m.FindLabel(7)->color, 0x00FF7Fu);
  EXPECT_EQ(m.FindLabel(7)->name_ko, "긁힘");
  EXPECT_FALSE(m.FindLabel(0)->threshold.has_value());
  EXPECT_EQ(m.FindLabel(1), nullptr);
  EXPECT_EQ(m.verdict.rules[0].then, LNX_VERDICT_NG);
  EXPECT_EQ(m.limits.max_height, 30000);
  EXPECT_EQ(m.limits.max_width, 9000);
}

struct Case {
  const char* name;
  const char* at;     // JSON pointer
  const char* value;  // JSON; "" removes
  LnxStatus status;
  const char* where;
};

class Field : public ::testing::TestWithParam<Case> {};

TEST_P(Field, ThatIsWrongIsNamedWithWhatStandsThere) {
  const Case& c = GetParam();
  json document = Document();
  const json::json_pointer pointer(c.at);
  if (*c.value == 0) {
    document.at(pointer.parent_pointer()).erase(pointer.back());
  } else {
    document[pointer] = json::parse(c.value);
  }
  const Finding finding = Refusal(document.dump(), c.status);
  EXPECT_EQ(finding.where, std::string(c.where) + " in the manifest of part.lnx");
  EXPECT_FALSE(finding.found.empty());
  EXPECT_FALSE(finding.expected.empty());
  EXPECT_FALSE(finding.fix.empty());
}

constexpr LnxStatus kField = LNX_E_MANIFEST_FIELD;
INSTANTIATE_TEST_SUITE_P(
    Cases, Field,
    ::testing::Values(
        Case{"no_schema", "/schema", "", kField, "schema"}, Case{"schema_1", "/schema", "1", kField, "schema"},
        Case{"schema_word", "/schema", R"("new")", kField, "schema"}, Case{"schema_0", "/schema", R"("0.9")", kField, "schema"},
        Case{"schema_tail", "/schema", R"("1.0b")", kField, "schema"},
        Case{"schema_2", "/schema", R"("2.0")", LNX_E_MANIFEST_VERSION, "schema"},
        Case{"no_model", "/model", "", kField, "model"}, Case{"model_list", "/model", "[]", kField, "model"},
        Case{"no_name", "/model/name", "", kField, "model.name"}, Case{"misspelt", "/model/nmae", "1", kField, "model.nmae"},
        Case{"unknown_task", "/task", R"("guessing")", LNX_E_UNKNOWN_OP, "task"},
        Case{"no_graphs", "/graphs", "[]", kField, "graphs"},
        Case{"nine_graphs", "/graphs", "[1,1,1,1,1,1,1,1,1]", LNX_E_LIMIT, "graphs"},
        Case{"graph_number", "/graphs/0", "5", kField, "graphs[0]"},
        Case{"no_file", "/graphs/0/file", "", kField, "graphs[0].file"},
        Case{"no_inputs", "/graphs/0/inputs", "[]", kField, "graphs[0].inputs"},
        Case{"no_outputs", "/graphs/0/outputs", "[]", kField, "graphs[0].outputs"},
        Case{"dtype", "/graphs/0/inputs/0/dtype", R"("f64")", kField, "graphs[0].inputs[0].dtype"},
        Case{"side_0", "/graphs/0/inputs/0/shape/1", "0", kField, "graphs[0].inputs[0].shape"},
        Case{"side_fraction", "/graphs/0/inputs/0/shape/1", "1.5", kField, "graphs[0].inputs[0].shape"},
        Case{"side_huge", "/graphs/0/inputs/0/shape/1", "18446744073709551615", kField, "graphs[0].inputs[0].shape"},
        Case{"layout", "/graphs/0/inputs/0/layout", R"("CHWN")", kField, "graphs[0].inputs[0].layout"},
        Case{"batch_0", "/graphs/0/batch", "[0]", kField, "graphs[0].batch"},
        Case{"batch_65", "/graphs/0/batch", "[65]", kField, "graphs[0].batch"},
        Case{"accept_bayer", "/input/accept/0", R"("BAYER")", kField, "input.accept"},
        Case{"window_upside_down", "/input/window", R"({"lo":9,"hi":9})", kField, "input.window.hi"},
        Case{"no_pre", "/pre", "", kField, "pre"}, Case{"pre_65", "/pre", "[1,2]", kField, "pre[0]"},
        Case{"unknown_op", "/pre/1/op", R"("sharpen")", LNX_E_UNKNOWN_OP, "pre[1].op"},
        Case{"op_number", "/pre/1/op", "3", kField, "pre[1].op"}, Case{"no_op", "/pre/1/op", "", kField, "pre[1].op"},
        Case{"color", "/pre/0/to", R"("HSV")", kField, "pre[0].to"},
        Case{"crop_size_0", "/pre/1/size", "[0,9]", kField, "pre[1].size"},
        Case{"crop_size_30001", "/pre/1/size", "[9,30001]", kField, "pre[1].size"},
        Case{"crop_one_number", "/pre/1/size", "[9]", kField, "pre[1].size"},
        Case{"crop_rect", "/pre/1", R"({"op":"crop","mode":"rect","rect":[0,0,0,9]})", kField, "pre[1].rect"},
        Case{"resize_mode", "/pre/2/mode", R"("fit")", kField, "pre[2].mode"},
        Case{"no_interp", "/pre/2/interp", "", kField, "pre[2].interp"},
        Case{"lanczos", "/pre/2/interp", R"("lanczos")", kField, "pre[2].interp"},
        Case{"antialias", "/pre/2/antialias", "true", kField, "pre[2].antialias"},
        Case{"two_pads", "/pre/2/pad", "[1,2]", kField, "pre[2].pad"},
        Case{"pad_256", "/pre/2/pad", "[256]", kField, "pre[2].pad"},
        Case{"cast_i64", "/pre/3/to", R"("i64")", kField, "pre[3].to"}, Case{"no_mul", "/pre/4/mul", "", kField, "pre[4].mul"},
        Case{"std_0", "/pre/5/std", "[0]", kField, "pre[5].std"}, Case{"mean_2", "/pre/5/mean", "[0,1]", kField, "pre[5].mean"},
        Case{"order", "/pre/0", R"({"op":"cast","to":"f32"})", kField, "pre[1]"},
        Case{"two_casts", "/pre/4", R"({"op":"cast","to":"f32"})", kField, "pre[4]"},
        Case{"op_field", "/pre/6/wide", "true", kField, "pre[6].wide"}, Case{"no_decode", "/decode", "", kField, "decode"},
        Case{"unknown_decode", "/decode/kind", R"("yolo99")", LNX_E_UNKNOWN_OP, "decode.kind"},
        Case{"decode_of_another_task", "/decode/kind", R"("yolox")", kField, "decode.kind"},
        Case{"activation", "/decode/activation", R"("relu")", kField, "decode.activation"},
        Case{"top_k_0", "/decode/top_k", "0", kField, "decode.top_k"}, Case{"iou_2", "/nms/iou", "2", kField, "nms.iou"},
        Case{"iou_text", "/nms/iou", R"("0.5")", kField, "nms.iou"}, Case{"no_labels", "/labels", "", kField, "labels"},
        Case{"label_twice", "/labels/1/id", "0", kField, "labels[1].id"},
        Case{"label_negative", "/labels/1/id", "-1", kField, "labels[1].id"},
        Case{"label_nameless", "/labels/1/name", R"("")", kField, "labels[1].name"},
        Case{"label_color", "/labels/1/color", R"("red")", kField, "labels[1].color"},
        Case{"label_color_digits", "/labels/1/color", R"("#12345G")", kField, "labels[1].color"},
        Case{"label_area", "/labels/1/min_area_px", "-1", kField, "labels[1].min_area_px"},
        Case{"space", "/thresholds/space", R"("log")", kField, "thresholds.space"},
        Case{"guard", "/thresholds/guard", "-0.1", kField, "thresholds.guard"},
        Case{"rule_kind", "/verdict/rules/0/kind", R"("vote")", LNX_E_UNKNOWN_OP, "verdict.rules[0].kind"},
        Case{"rule_label", "/verdict/rules/0/labels", "[3]", kField, "verdict.rules[0].labels"},
        Case{"rule_then", "/verdict/rules/0/then", R"("MAYBE")", kField, "verdict.rules[0].then"},
        Case{"no_then", "/verdict/rules/0/then", "", kField, "verdict.rules[0].then"},
        Case{"limits", "/limits/max_width", "1", kField, "limits.max_width"},
        Case{"limits_fraction", "/limits/min_width", "2.5", kField, "limits.min_width"},
        Case{"tolerance", "/tolerance/pre", "-1", kField, "tolerance.pre"},
        Case{"golden", "/golden", "[{}]", kField, "golden[0].pixels"},
        Case{"unknown_field", "/postprocess", "{}", kField, "postprocess"}),
    [](const auto& info) { return info.param.name; });

TEST(Text, ThatIsNoJsonIsRefused) {
  for (const std::string& text : {std::string(), std::string("{"), std::string("{} x"), std::string("{\"a\":\xFF}"),
                                  std::string("{\"schema\":\"\xB8\xF0\"}"), std::string("\xEF\xBB\xBF")}) {
    const Finding finding = Refusal(text, LNX_E_MANIFEST_JSON);
    EXPECT_EQ(finding.where, "part.lnx");
  }
  EXPECT_EQ(Refusal("[]", kField).expected, "an object");
}

TEST(Text, NestedTooDeepIsRefusedBeforeItIsParsed) {
  for (const size_t depth : {size_t{33}, size_t{1000000}}) {
    EXPECT_NE(Refusal(std::string(depth, '['), LNX_E_MANIFEST_JSON).found.find("32"), std::string::npos);
  }
  Refusal(R"({"meta":")" + std::string(100, '[') + "\"", LNX_E_MANIFEST_JSON);  // brackets inside a text are not nesting
}

TEST(OverLong, ListsAndTextsAreRefused) {
  json document = Document();
  document["pre"] = json::array();
  for (int i = 0; i < 65; ++i) document["pre"].push_back({{"op", "color"}, {"to", "RGB"}});
  EXPECT_EQ(Refusal(document.dump(), LNX_E_LIMIT).found, "65 items");
  document = Document();
  document["model"]["name"] = std::string(4097, 'n');
  EXPECT_NE(Refusal(document.dump(), kField).found.find("4096"), std::string::npos);
}

TEST(Messages, ShowLongKoreanValuesCutBetweenCharacters) {
  json document = Document();
  for (size_t pad = 0; pad < 3; ++pad) {  // wherever the cut falls
    std::string name(pad, 'a');
    for (int i = 0; i < 40; ++i) name += "가";
    document["task"] = name;
    Refusal(document.dump(), LNX_E_UNKNOWN_OP);
    document = Document();
    document["labels"][1]["color"] = name;
    Refusal(document.dump(), kField);
    document = Document();
    document["schema"] = name;
    Refusal(document.dump(), kField);
    document = Document();
  }
}

}  // namespace
