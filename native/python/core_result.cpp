#include "core_result.h"

#include <utility>

namespace py = pybind11;

uint32_t Result::Count() const {
  uint32_t n = 0;
  Check(LnxResultCount(result_, &n));
  return n;
}

py::dict Result::Summary(uint32_t i) const {
  LnxSummary s = {};
  s.struct_size = sizeof s;
  Check(LnxResultSummary(result_, i, &s));
  py::dict d;
  d["task"] = s.task;
  d["sequence"] = s.sequence;
  d["user_tag"] = s.user_tag;
  d["verdict"] = s.verdict;
  d["verdict_rule"] = s.verdict_rule;
  d["reason"] = s.verdict_reason != nullptr ? s.verdict_reason : "";
  d["score"] = s.score_raw;
  d["score_norm"] = s.score_norm;
  d["threshold"] = s.threshold;
  d["guard_band"] = s.guard_band;
  d["provider"] = s.provider;
  d["flags"] = s.flags;
  d["width"] = s.image_width;
  d["height"] = s.image_height;
  py::dict t;
  t["queue"] = s.timings.queue;
  t["pre"] = s.timings.pre;
  t["host_to_device"] = s.timings.host_to_device;
  t["infer"] = s.timings.infer;
  t["device_to_host"] = s.timings.device_to_host;
  t["post"] = s.timings.post;
  t["total"] = s.timings.total;
  d["timings"] = t;
  return d;
}

py::list Result::Classes(uint32_t i) const {
  py::list list;
  for (const LnxClass& c : View<LnxClass>(LnxResultClasses, i)) list.append(py::make_tuple(c.class_id, c.name, c.score));
  return list;
}

py::list Result::Objects(uint32_t i) const {
  py::list list;
  for (const LnxObject& o : View<LnxObject>(LnxResultObjects, i)) {
    list.append(py::make_tuple(o.class_id, o.name, o.score, py::make_tuple(o.box.x1, o.box.y1, o.box.x2, o.box.y2), o.area_px,
                               o.first_class_id, o.first_score));
  }
  return list;
}

py::list Result::Regions(uint32_t i) const {
  const std::vector<LnxPolygon> polygons = View<LnxPolygon>(LnxResultPolygons, i);
  const std::vector<LnxRle> rles = View<LnxRle>(LnxResultRles, i);
  py::list list;
  for (const LnxRegion& r : View<LnxRegion>(LnxResultRegions, i)) {
    py::list own;
    for (uint32_t k = 0; k < r.polygon_count; ++k) {
      const LnxPolygon& polygon = polygons[static_cast<size_t>(r.polygon_index) + k];
      const py::array_t<float> points({static_cast<py::ssize_t>(polygon.point_count), static_cast<py::ssize_t>(2)},
                                      &polygon.points[0].x);
      own.append(py::make_tuple(points, polygon.parent >= 0));
    }
    py::object counts = py::none();
    if (r.rle_index >= 0) {
      const LnxRle& rle = rles[static_cast<size_t>(r.rle_index)];
      counts = py::array_t<uint32_t>(static_cast<py::ssize_t>(rle.count), rle.counts);
    }
    list.append(py::make_tuple(r.class_id, r.name, r.score_max, r.score_mean, r.area_px,
                               py::make_tuple(r.box.x1, r.box.y1, r.box.x2, r.box.y2), py::make_tuple(r.centroid.x, r.centroid.y),
                               own, counts));
  }
  return list;
}

py::list Result::Texts(uint32_t i) const {
  py::list list;
  for (const LnxText& t : View<LnxText>(LnxResultTexts, i)) {
    py::list chars;
    for (uint32_t k = 0; k < t.char_count; ++k) {
      const LnxRectF& b = t.char_boxes[k];
      chars.append(py::make_tuple(py::str(t.text + t.char_offsets[k], t.char_offsets[k + 1] - t.char_offsets[k]),
                                  t.char_scores[k], py::make_tuple(b.x1, b.y1, b.x2, b.y2)));
    }
    py::list quad;
    for (const LnxPointF& p : t.quad) quad.append(py::make_tuple(p.x, p.y));
    list.append(py::make_tuple(t.text, t.score, t.box_score, t.turned != 0, py::tuple(quad), py::tuple(chars)));
  }
  return list;
}

py::object Result::Plane(uint32_t i, LnxPlaneKind kind) const {
  LnxPlane plane = {};
  const LnxStatus status = LnxResultPlane(result_, i, kind, &plane);
  if (status == LNX_E_UNSUPPORTED) return py::none();
  Check(status);
  const std::vector<py::ssize_t> shape = {plane.height, plane.width};
  if (plane.pixel_format == LNX_PIXEL_F32_GRAY) return py::array_t<float>(shape, static_cast<const float*>(plane.data));
  if (plane.pixel_format == LNX_PIXEL_GRAY16) return py::array_t<uint16_t>(shape, static_cast<const uint16_t*>(plane.data));
  if (plane.pixel_format == LNX_PIXEL_BGR8)
    return py::array_t<uint8_t>({shape[0], shape[1], py::ssize_t{3}}, static_cast<const uint8_t*>(plane.data));
  return py::array_t<uint8_t>(shape, static_cast<const uint8_t*>(plane.data));
}

std::string Result::Json(uint32_t i) const {
  uint32_t needed = 0;
  Check(LnxResultToJson(result_, i, nullptr, 0, &needed));
  std::string text(needed, '\0');
  Check(LnxResultToJson(result_, i, &text[0], needed, &needed));
  text.resize(needed - 1);
  return text;
}

py::bytes Result::Digest(uint32_t i) const {
  uint8_t digest[32];
  Check(LnxResultDigest(result_, i, digest));
  return py::bytes(reinterpret_cast<const char*>(digest), sizeof digest);
}

py::array Result::Draw(uint32_t i, const py::object& background, const PixelNote& note, bool banner, float opacity,
                       bool korean) const {
  LnxSummary s = {};
  s.struct_size = sizeof s;
  Check(LnxResultSummary(result_, i, &s));
  py::array_t<uint8_t> canvas(
      {static_cast<py::ssize_t>(s.image_height), static_cast<py::ssize_t>(s.image_width), static_cast<py::ssize_t>(3)});
  LnxImage target;
  LnxImageInit(&target, canvas.mutable_data(), s.image_width, s.image_height, 0, LNX_PIXEL_BGR8);
  LnxDrawStyle style;
  LnxDrawStyleInit(&style);
  style.hide_banner = banner ? 0 : 1;
  style.fill_opacity = opacity;
  style.language = korean ? LNX_LANGUAGE_KOREAN : LNX_LANGUAGE_ENGLISH;
  if (background.is_none()) {
    Check(LnxResultDraw(result_, i, nullptr, &style, &target));
  } else {
    const Picture picture = Borrow(py::array::ensure(background), note, py::tuple(), 0);
    Check(LnxResultDraw(result_, i, &picture.image, &style, &target));
  }
  return std::move(canvas);
}
