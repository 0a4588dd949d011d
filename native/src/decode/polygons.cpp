// Outlines and holes along pixel corners. The border is followed with the component on the right hand side, so outlines run
// clockwise on the screen (positive shoelace area) and holes the other way; the sum of all areas is the number of pixels.
#include "decode/workspace.h"

namespace lnx::decode {
namespace {

constexpr int32_t kStepX[4] = {1, 0, -1, 0}, kStepY[4] = {0, 1, 0, -1};  // right, down, left, up

class Tracer {
 public:
  Tracer(const RegionJob& job, const Component& component, Workspace& w) : job_(job), wanted_(component.root + 1), w_(w) {}

  bool Inside(int32_t x, int32_t y) const {
    if (x < 0 || y < 0 || x >= job_.width || y >= job_.height) return false;
    return w_.component_of[At(x, y)] == wanted_;
  }

  bool StartsHere(int32_t x, int32_t y) const { return Inside(x, y) && !Inside(x, y - 1) && !w_.visited[At(x, y)]; }

  // Follows one closed border from the upper edge of pixel (x, y); corners go to w_.points.
  void Follow(int32_t x, int32_t y) {
    const int32_t start_x = x, start_y = y;
    int32_t direction = 0;
    w_.points.clear();
    do {
      if (direction == 0) w_.visited[At(x, y)] = 1;
      x += kStepX[direction];
      y += kStepY[direction];
      const int32_t turn = Turn(x, y, direction);
      if (turn != 0) w_.points.push_back({static_cast<float>(x + job_.left), static_cast<float>(y + job_.top)});
      direction = (direction + turn + 4) % 4;
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
  int32_t wanted_;
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
  for (int32_t y = component.y1; y < component.y2; ++y) {
    for (int32_t x = component.x1; x < component.x2; ++x) {
      if (!tracer.StartsHere(x, y)) continue;
      tracer.Follow(x, y);
      LnxPolygon polygon{};
      auto* points = arena.Array<LnxPointF>(w.points.size());
      for (size_t i = 0; i < w.points.size(); ++i) points[i] = w.points[i];
      polygon.points = points;
      polygon.point_count = static_cast<uint32_t>(w.points.size());
      polygon.parent = SignedArea(w.points) > 0 ? -1 : static_cast<int32_t>(outline);
      image->polygons.Add(arena, polygon);
      ++count;
    }
  }
  return count;
}

}  // namespace lnx::decode
