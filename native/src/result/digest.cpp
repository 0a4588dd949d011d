// The fingerprint of a result. Every value goes in with its bits; lists with their length, texts with theirs, so that nothing can
// move from one field to the next unseen.
#include <cstring>

#include "result/result.h"

namespace lnx::result {
namespace {

class Writer {
 public:
  template <typename T>
  void Value(const T& value) {
    static_assert(std::is_arithmetic_v<T>, "structs have padding");
    sha_.Update({reinterpret_cast<const uint8_t*>(&value), sizeof value});
  }
  template <typename... T>
  void Values(const T&... values) {
    (Value(values), ...);
  }
  void Text(const char* text) { Block(text != nullptr ? text : "", text != nullptr ? std::strlen(text) : 0); }
  void Block(const void* data, size_t bytes) {
    Value(static_cast<uint64_t>(bytes));
    if (bytes > 0) sha_.Update({static_cast<const uint8_t*>(data), bytes});
  }
  void Box(const LnxRectF& box) { Values(box.x1, box.y1, box.x2, box.y2); }
  template <typename T, typename Each>
  void All(const List<T>& list, const Each& each) {
    Value(list.size());
    for (const T& item : list) each(item);
  }
  crypto::Digest Finish() { return sha_.Finish(); }

 private:
  crypto::Sha256Stream sha_;
};

void AddText(const LnxText& t, Writer* w) {
  for (const LnxPointF& p : t.quad) w->Values(p.x, p.y);
  w->Text(t.text);
  w->Values(t.score, t.box_score, t.turned, t.char_count);
  for (uint32_t k = 0; k < t.char_count; ++k) {
    w->Values(t.char_scores[k], t.char_offsets[k + 1]);
    w->Box(t.char_boxes[k]);
  }
}

// Row by row: what lies between the rows is nobody's answer.
void AddPlane(const LnxPlane& p, Writer* w) {
  w->Values(p.kind, p.pixel_format, p.width, p.height);
  const int64_t pixel = p.pixel_format == LNX_PIXEL_BGR8       ? 3
                        : p.pixel_format == LNX_PIXEL_F32_GRAY ? 4
                        : p.pixel_format == LNX_PIXEL_GRAY16   ? 2
                                                               : 1;
  for (int32_t y = 0; y < p.height; ++y)
    w->Block(static_cast<const uint8_t*>(p.data) + y * p.stride_bytes, static_cast<size_t>(p.width * pixel));
}

}  // namespace

crypto::Digest DigestOf(const Storage& storage, uint32_t i) {
  const ImageResult& image = storage.images[i];
  const LnxSummary& s = image.summary;
  Writer w;
  w.Values(s.task, s.verdict, s.verdict_rule, s.score_raw, s.score_norm, s.threshold, s.guard_band, s.image_width,
           s.image_height);
  w.Text(s.verdict_reason);
  w.All(image.classes, [&](const LnxClass& c) { w.Values(c.class_id, c.score); });
  w.All(image.objects, [&](const LnxObject& o) {
    w.Box(o.box);
    w.Values(o.score, o.class_id, o.area_px, o.angle_deg, o.region_index, o.first_class_id, o.first_score);
  });
  w.All(image.regions, [&](const LnxRegion& r) {
    w.Values(r.class_id, r.score_max, r.score_mean, r.area_px, r.centroid.x, r.centroid.y, r.polygon_index, r.polygon_count,
             r.rle_index);
    w.Box(r.box);
  });
  w.All(image.polygons, [&](const LnxPolygon& p) {
    w.Value(p.parent);
    w.Block(p.points, p.point_count * sizeof(LnxPointF));
  });
  w.All(image.rles, [&](const LnxRle& r) {
    w.Values(r.width, r.height);
    w.Block(r.counts, r.count * sizeof(uint32_t));
  });
  w.All(image.texts, [&](const LnxText& t) { AddText(t, &w); });
  w.All(image.rows, [&](const LnxRow& r) {
    w.Values(r.label, r.value, r.time_begin_unix_nano, r.time_end_unix_nano);
    w.Block(r.probabilities, r.probability_count * sizeof(double));
  });
  w.All(image.planes, [&](const LnxPlane& p) { AddPlane(p, &w); });
  return w.Finish();
}

}  // namespace lnx::result
