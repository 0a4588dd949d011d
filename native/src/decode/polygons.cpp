// Outlines and holes along pixel corners. The border is followed with the component on the right hand side, so outlines run
// clockwise on the screen (positive shoelace area) and holes the other way; the sum of all areas is the number of pixels.
#include "decode/workspace.h"

namespace lnx::decode {
namespace {

constexpr int32_t kStepX[4] = {1, 0, -1, 0}, kStepY[4] = {0, 1, 0, -1};  // right, down, left, up

// Whether a pixel next to the border belongs to the component is told by its label: neighbours of one label are one component,
// and where only an edge connects (connectivity 4), the pixel across the corner does not matter.
class Tracer {
 public:
  Tracer(const RegionJob& job, const Component& component, Workspace& w)
      : job_(job), label_(static_cast<uint8_t>(component.label)), w_(w) {}

  bool Inside(int32_t x, int32_t y) const {
    if (x < 0 || y < 0 || x >= job_.width || y >= job_.height) return false;
    return job_.labels[At(x, y)] == label_;
  }

  // Of an upper border that begins at this pixel.
  bool Visited(int32_t x, int32_t y) const { return w_.visited[At(x, y)] != 0; }

  // Follows one closed border from the upper edge of pixel (x, y); corners go to w_.points.
  void Follow(int32_t x, int32_t y) {
    const int32_t start_x = x, start_y = y;
    int32_t direction = 0;
    w_.points.clear();
    w_.visited[At(x, y)] = 1;
    do {
      x += kStepX[direction];
      y += kStepY[direction];
      const int32_t turn = Turn(x, y, direction);
      if (turn == 0) continue;
      w_.points.push_back({static_cast<float>(x + job_.left), static_cast<float>(y + job_.top)});
      direction = (direction + turn + 4) % 4;
      if (direction == 0) w_.visited[At(x, y)] = 1;
    } while (x != start_x || y != start_y || direction != 0);
  }

 private:
  size_t At(int32_t x, int32_t y) const {
    return static_cast<size_t>(y) * static_cast<size_t>(job_.width) + static_cast<size_t>(x);
  }

  // +1 right, -1 left, 0 straight on, at a corner that was reached in `direction`.
  int32_t Turn(int32_t x, int32_t y, int32_t direction) const {
    // The two pixels ahead of the corner, to the right and to the left of the way.
    static constexpr int32_t kRight[4][2] = {{0, 0}, {-1, 0}, {-1, -1}, {0, -1}};
    static constexpr int32_t kLeft[4][2] = {{0, -1}, {0, 0}, {-1, 0}, {-1, -1}};
    const bool right = Inside(x + kRight[direction][0], y + kRight[direction][1]);
    const bool left = Inside(x + kLeft[direction][0], y + kLeft[direction][1]);
    if (right && left) return -1;
    if (right) return 0;
    if (left && job_.connectivity == 8) return -1;  // diagonal neighbours belong together
    return 1;
  }

  const RegionJob& job_;
  uint8_t label_;
  Workspace& w_;
};

double SignedArea(const std::vector<LnxPointF>& points) {
  double sum = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const LnxPointF &a = points[i], &b = points[(i + 1) % points.size()];
    sum += static_cast<double>(a.x) * b.y - static_cast<double>(b.x) * a.y;
  }
  return sum / 2;
}

}  // namespace

uint32_t TracePolygons(const RegionJob& job, const Component& component, Workspace& w, result::Arena& arena,
                       result::ImageResult* image) {
  Tracer tracer(job, component, w);
  const uint32_t outline = image->polygons.size();
  uint32_t count = 0;
  const auto trace = [&](int32_t x, int32_t y) {
    if (tracer.Visited(x, y)) return;
    tracer.Follow(x, y);
    LnxPolygon polygon{};
    auto* points = arena.Array<LnxPointF>(w.points.size());
    for (size_t i = 0; i < w.points.size(); ++i) points[i] = w.points[i];
    polygon.points = points;
    polygon.point_count = static_cast<uint32_t>(w.points.size());
    polygon.parent = SignedArea(w.points) > 0 ? -1 : static_cast<int32_t>(outline);
    image->polygons.Add(arena, polygon);
    ++count;
  };
  // An upper border begins where a run of pixels is not covered by the component's runs of the row before.
  int32_t above = component.first_span;
  for (int32_t i = component.first_span; i >= 0; i = w.spans[static_cast<size_t>(i)].next) {
    const Span1d& span = w.spans[static_cast<size_t>(i)];
    const auto before = [&](int32_t k) {
      const Span1d& other = w.spans[static_cast<size_t>(k)];
      return other.y < span.y - 1 || (other.y == span.y - 1 && other.end <= span.begin);
    };
    while (before(above)) above = w.spans[static_cast<size_t>(above)].next;
    int32_t x = span.begin;
    for (int32_t k = above; x < span.end; k = w.spans[static_cast<size_t>(k)].next) {
      const Span1d& other = w.spans[static_cast<size_t>(k)];
      const bool covers = other.y == span.y - 1 && other.begin < span.end;
      if (x < (covers ? other.begin : span.end)) trace(x, span.y);
      if (!covers) break;
      x = other.end;
    }
  }
  return count;
}

}  // namespace lnx::decode
