// The preprocessing list: each op with every choice spelled out, and an order that can be executed.
#include <string>

#include "manifest/parse.h"

namespace lnx::manifest {

void ParseSize(ObjectReader& r, int32_t* width, int32_t* height) {
  const std::vector<int64_t> size = r.Integers("size", 1, kMaxImageSide);
  if (size.size() != 2) r.Refuse("size", std::to_string(size.size()) + " numbers", "[width, height]");
  *width = static_cast<int32_t>(size[0]);
  *height = static_cast<int32_t>(size[1]);
}

namespace {

ColorOp ParseColor(ObjectReader& r) {
  return {r.Word<ColorOrder>("to", {{"RGB", ColorOrder::kRgb}, {"BGR", ColorOrder::kBgr}, {"GRAY", ColorOrder::kGray}})};
}

CropOp ParseCrop(ObjectReader& r) {
  CropOp op;
  op.mode = r.Word<CropOp::Mode>("mode", {{"center", CropOp::Mode::kCenter}, {"rect", CropOp::Mode::kRect}});
  const bool floor = false;
  op.round_half_even = r.Word<bool>("rounding", {{"floor", false}, {"half_even", true}}, &floor);
  if (op.mode == CropOp::Mode::kCenter) {
    ParseSize(r, &op.width, &op.height);
  } else {
    const std::vector<int64_t> rect = r.Integers("rect", 0, kMaxImageSide);
    if (rect.size() != 4 || rect[2] < 1 || rect[3] < 1) r.Refuse("rect", ObjectReader::Shown(rect), "[x, y, width, height]");
    op.x = static_cast<int32_t>(rect[0]);
    op.y = static_cast<int32_t>(rect[1]);
    op.width = static_cast<int32_t>(rect[2]);
    op.height = static_cast<int32_t>(rect[3]);
  }
  return op;
}

ResizeOp ParseResize(ObjectReader& r) {
  using Mode = ResizeOp::Mode;
  ResizeOp op;
  op.mode = r.Word<Mode>("mode", {{"stretch", Mode::kStretch},
                                  {"short_side", Mode::kShortSide},
                                  {"keep_ratio", Mode::kKeepRatio},
                                  {"letterbox", Mode::kLetterbox}});
  ParseSize(r, &op.width, &op.height);
  op.interp = r.Word<Interp>(
      "interp", {{"nearest", Interp::kNearest}, {"linear", Interp::kLinear}, {"cubic", Interp::kCubic}, {"area", Interp::kArea}});
  op.lib = r.Word<ResizeLib>("lib", {{"opencv", ResizeLib::kOpenCv}, {"pil", ResizeLib::kPil}});
  const bool antialias = r.Flag("antialias", op.lib == ResizeLib::kPil);
  if (antialias != (op.lib == ResizeLib::kPil)) {
    r.Refuse("antialias", antialias ? "true" : "false", "true with lib \"pil\", false with lib \"opencv\"");
  }
  op.scale_up = r.Flag("scale_up", true);
  const auto round = ResizeOp::Rounding::kRound;
  op.rounding = r.Word<ResizeOp::Rounding>(
      "rounding", {{"round", ResizeOp::Rounding::kRound}, {"floor", ResizeOp::Rounding::kFloor}}, &round);
  const auto center = ResizeOp::Anchor::kCenter;
  op.anchor = r.Word<ResizeOp::Anchor>(
      "anchor", {{"center", ResizeOp::Anchor::kCenter}, {"top_left", ResizeOp::Anchor::kTopLeft}}, &center);
  const bool ratio = false;
  op.back_by_size = r.Word<bool>("back", {{"ratio", false}, {"size", true}}, &ratio);
  if (r.Has("pad")) {
    const std::vector<int64_t> pad = r.Integers("pad", 0, 255);
    if (pad.size() != 1 && pad.size() != 3) r.Refuse("pad", std::to_string(pad.size()) + " numbers", "1 or 3 numbers");
    for (size_t i = 0; i < 3; ++i) op.pad[i] = static_cast<uint8_t>(pad[pad.size() == 1 ? 0 : i]);
  }
  return op;
}

ScaleOp ParseScale(ObjectReader& r) {
  if (!r.Has("div")) {
    r.Get("mul");
    return {r.Number("mul", 1, -1e6, 1e6), 0};
  }
  if (r.Has("mul")) r.Refuse("div", "mul and div", "one of them");
  return {1, r.Number("div", 1, 1e-6, 1e6)};
}

NormalizeOp ParseNormalize(ObjectReader& r) {
  NormalizeOp op{r.Numbers("mean", -1e6, 1e6), r.Numbers("std", 1e-12, 1e6)};
  for (const auto& [name, values] : {std::pair<const char*, const std::vector<double>&>{"mean", op.mean}, {"std", op.std}}) {
    if (values.size() != 1 && values.size() != 3) r.Refuse(name, std::to_string(values.size()) + " numbers", "1 or 3 numbers");
  }
  return op;
}

PreOp ParsePreOp(const json& value, const std::string& path) {
  ObjectReader r(value, path);
  enum Kind { kColor, kCrop, kResize, kCast, kScale, kNormalize, kLayout };
  const Kind kind = r.Word<Kind>("op",
                                 {{"color", kColor},
                                  {"crop", kCrop},
                                  {"resize", kResize},
                                  {"cast", kCast},
                                  {"scale", kScale},
                                  {"normalize", kNormalize},
                                  {"layout", kLayout}},
                                 nullptr, true);
  PreOp op;
  switch (kind) {
    case kColor:
      op = ParseColor(r);
      break;
    case kCrop:
      op = ParseCrop(r);
      break;
    case kResize:
      op = ParseResize(r);
      break;
    case kCast:
      op = CastOp{r.Word<DType>("to", {{"f32", DType::kF32}, {"f16", DType::kF16}, {"u8", DType::kU8}})};
      break;
    case kScale:
      op = ParseScale(r);
      break;
    case kNormalize:
      op = ParseNormalize(r);
      break;
    case kLayout:
      op = LayoutOp{r.Word<bool>("to", {{"NCHW", true}, {"NHWC", false}})};
      break;
  }
  r.Done();
  return op;
}

void CheckPreOrder(const std::vector<PreOp>& ops, const std::string& path) {
  // Pixel ops, then at most one cast, then float ops, then at most one layout.
  int stage = 0;
  for (size_t i = 0; i < ops.size(); ++i) {
    const PreOp& op = ops[i];
    int own = 0;
    if (std::holds_alternative<CastOp>(op)) own = 1;
    if (std::holds_alternative<ScaleOp>(op) || std::holds_alternative<NormalizeOp>(op)) own = 2;
    if (std::holds_alternative<LayoutOp>(op)) own = 3;
    const bool repeated = own == stage && (own == 1 || own == 3);
    if (own < stage || repeated) {
      Fail(LNX_E_MANIFEST_FIELD, {"an op out of order", "color, crop, resize; then cast; then scale, normalize; then layout",
                                  path + "[" + std::to_string(i) + "]"});
    }
    stage = own;
  }
}

}  // namespace

std::vector<PreOp> ParsePre(const json& values, const std::string& path) {
  std::vector<PreOp> ops;
  ops.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) ops.push_back(ParsePreOp(values[i], path + "[" + std::to_string(i) + "]"));
  CheckPreOrder(ops, path);
  return ops;
}

}  // namespace lnx::manifest
