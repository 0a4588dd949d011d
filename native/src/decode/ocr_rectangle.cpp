// Rectangles around outlines, and outlines that grow. Order and precision of each operation are those that the field's tools use,
// so that corners which fall on whole pixels do so here too.
#include <algorithm>
#include <cmath>

#include "decode/ocr.h"

namespace lnx::decode {
namespace {

constexpr double kPi = 3.14159265358979323846;

struct Vector {
  float x, y;
};

// Four sides turn around the outline together; `at` holds the corners that they touch: least y, most x, most y, least x.
class Calipers {
 public:
  explicit Calipers(const std::vector<Pixel>& hull) : hull_(hull), n_(hull.size()) {
    for (size_t i = 1; i < n_; ++i) {
      if (hull[i].y < hull[at_[0]].y) at_[0] = i;
      if (hull[i].x > hull[at_[1]].x) at_[1] = i;
      if (hull[i].y > hull[at_[2]].y) at_[2] = i;
      if (hull[i].x < hull[at_[3]].x) at_[3] = i;
    }
  }

  // Lays a side on the next edge of the outline.
  void Turn() {
    size_t next = 0;
    Vector nearest = Edge(0);
    for (size_t side = 1; side < 4; ++side) {
      const Vector edge = Edge(side);
      if (edge.y * nearest.x - edge.x * nearest.y < 0) {
        next = side;
        nearest = edge;
      }
    }
    const double length = std::sqrt(static_cast<double>(nearest.x) * nearest.x + static_cast<double>(nearest.y) * nearest.y);
    const auto inverse = static_cast<float>(1.0 / length);
    base = {nearest.x * inverse, nearest.y * inverse};
    at_[next] = at_[next] + 1 == n_ ? 0 : at_[next] + 1;
  }

  float Width() const { return Along(at_[1], at_[3], base.x, base.y); }
  float Height() const { return Along(at_[2], at_[0], -base.y, base.x); }
  const Pixel& Least(size_t side) const { return hull_[at_[side]]; }

  Vector base{1, 0};

 private:
  float Along(size_t to, size_t from, float x, float y) const {
    const auto dx = static_cast<float>(hull_[to].x - hull_[from].x), dy = static_cast<float>(hull_[to].y - hull_[from].y);
    return dx * x + dy * y;
  }
  // The edge that a side meets next, turned back by the side's own quarter turns.
  Vector Edge(size_t side) const {
    const Pixel &a = hull_[at_[side]], &b = hull_[at_[side] + 1 == n_ ? 0 : at_[side] + 1];
    const auto x = static_cast<float>(b.x - a.x), y = static_cast<float>(b.y - a.y);
    switch (side) {
      case 0:
        return {x, y};
      case 1:
        return {y, -x};
      case 2:
        return {-x, -y};
      default:
        return {-y, x};
    }
  }

  const std::vector<Pixel>& hull_;
  size_t n_;
  size_t at_[4] = {};
};

struct Box {  // centre, sides, angle in degrees
  float x = 0, y = 0, width = 0, height = 0, degrees = 0;
};

Box Enclose(const std::vector<Pixel>& hull) {
  Box box;
  if (hull.empty()) return box;
  box.x = static_cast<float>(hull[0].x);
  box.y = static_cast<float>(hull[0].y);
  if (hull.size() == 1) return box;
  if (hull.size() == 2) {
    const double dx = hull[1].x - hull[0].x, dy = hull[1].y - hull[0].y;
    box.x = static_cast<float>(hull[0].x + hull[1].x) * 0.5f;
    box.y = static_cast<float>(hull[0].y + hull[1].y) * 0.5f;
    box.width = static_cast<float>(std::sqrt(dx * dx + dy * dy));
    box.degrees = static_cast<float>(static_cast<double>(static_cast<float>(std::atan2(dy, dx))) * 180 / kPi);
    return box;
  }
  Calipers calipers(hull);
  float least = 3.402823466e+38f, width = 0, height = 0;
  Vector base{1, 0};
  Pixel left, low;
  for (size_t i = 0; i < hull.size(); ++i) {
    calipers.Turn();
    const float w = calipers.Width(), h = calipers.Height(), area = w * h;
    if (!(area <= least)) continue;
    least = area;
    width = w;
    height = h;
    base = calipers.base;
    left = calipers.Least(3);
    low = calipers.Least(0);
  }
  // The corner where the side through `left` meets the side through `low`, and the two sides from there.
  const float c1 = base.x * static_cast<float>(left.x) + static_cast<float>(left.y) * base.y;
  const float c2 = -base.y * static_cast<float>(low.x) + static_cast<float>(low.y) * base.x;
  const float inverse = 1.0f / (base.x * base.x - -base.y * base.y);
  const float corner_x = (c1 * base.x - c2 * base.y) * inverse, corner_y = (base.x * c2 - -base.y * c1) * inverse;
  const Vector across{base.x * width, base.y * width}, down{-base.y * height, base.x * height};
  box.x = corner_x + (across.x + down.x) * 0.5f;
  box.y = corner_y + (across.y + down.y) * 0.5f;
  const auto length = [](const Vector& v) {
    return static_cast<float>(std::sqrt(static_cast<double>(v.x) * v.x + static_cast<double>(v.y) * v.y));
  };
  box.width = length(across);
  box.height = length(down);
  const auto angle = static_cast<float>(std::atan2(static_cast<double>(across.y), static_cast<double>(across.x)));
  box.degrees = static_cast<float>(static_cast<double>(angle) * 180 / kPi);
  return box;
}

int32_t RoundAway(double value) { return value < 0 ? static_cast<int32_t>(value - 0.5) : static_cast<int32_t>(value + 0.5); }

}  // namespace

Rectangle SmallestRectangle(const std::vector<Pixel>& hull) {
  Box box = Enclose(hull);
  if (box.degrees >= 0) {  // the angle of the other side, from -90 on
    box.degrees -= 90;
    std::swap(box.width, box.height);
  }
  const double angle = static_cast<double>(box.degrees) * kPi / 180;
  const float b = static_cast<float>(std::cos(angle)) * 0.5f, a = static_cast<float>(std::sin(angle)) * 0.5f;
  LnxPointF p[4];
  p[0] = {box.x - a * box.height - b * box.width, box.y + b * box.height - a * box.width};
  p[1] = {box.x + a * box.height - b * box.width, box.y - b * box.height - a * box.width};
  p[2] = {box.x + a * box.height + b * box.width, box.y - b * box.height + a * box.width};
  p[3] = {box.x - a * box.height + b * box.width, box.y + b * box.height + a * box.width};
  std::stable_sort(p, p + 4, [](const LnxPointF& l, const LnxPointF& r) { return l.x < r.x; });
  const bool left = p[1].y > p[0].y, right = p[3].y > p[2].y;
  return {{p[left ? 0 : 1], p[right ? 2 : 3], p[right ? 3 : 2], p[left ? 1 : 0]}, std::min(box.width, box.height)};
}

void Grow(const LnxPointF quad[4], double ratio, std::vector<Pixel>* outline) {
  outline->clear();
  double area = 0, length = 0;
  for (int i = 0; i < 4; ++i) {
    const LnxPointF &p = quad[i], &q = quad[(i + 1) % 4];
    const double px = static_cast<double>(p.x), py = static_cast<double>(p.y), qx = static_cast<double>(q.x),
                 qy = static_cast<double>(q.y);
    area += px * qy - qx * py;
    length += std::hypot(qx - px, qy - py);
  }
  const double distance = length > 0 ? std::fabs(area) / 2 * ratio / length : 0;
  Pixel c[4];
  int n = 0;
  for (int i = 0; i < 4; ++i) {
    const Pixel p{static_cast<int32_t>(quad[i].x), static_cast<int32_t>(quad[i].y)};
    if (n == 0 || p.x != c[n - 1].x || p.y != c[n - 1].y) c[n++] = p;
  }
  if (n > 1 && c[n - 1].x == c[0].x && c[n - 1].y == c[0].y) --n;
  if (n < 3 || distance <= 0) {
    outline->assign(c, c + n);
    return;
  }
  int64_t doubled = 0;
  for (int i = 0; i < n; ++i)
    doubled += static_cast<int64_t>(c[i].x) * c[(i + 1) % n].y - static_cast<int64_t>(c[(i + 1) % n].x) * c[i].y;
  if (doubled < 0) std::reverse(c, c + n);
  double normal_x[4], normal_y[4];
  for (int i = 0; i < n; ++i) {
    const double dx = c[(i + 1) % n].x - c[i].x, dy = c[(i + 1) % n].y - c[i].y, size = std::sqrt(dx * dx + dy * dy);
    normal_x[i] = dy / size;
    normal_y[i] = -dx / size;
  }
  // Chords stay within a quarter of a pixel of the arc.
  const double tolerance = std::min(0.25, distance * 0.25);
  const double steps = std::min(kPi / std::acos(1 - tolerance / distance), distance * kPi);
  const double turn_sin = std::sin(2 * kPi / steps), turn_cos = std::cos(2 * kPi / steps);
  for (int i = 0; i < n; ++i) {
    double x = normal_x[(i + n - 1) % n], y = normal_y[(i + n - 1) % n];
    const double angle = std::atan2(x * normal_y[i] - y * normal_x[i], x * normal_x[i] + y * normal_y[i]);
    const int count = std::max(RoundAway(steps / (2 * kPi) * std::fabs(angle)), 1);
    for (int k = 0; k < count; ++k) {
      outline->push_back({RoundAway(c[i].x + x * distance), RoundAway(c[i].y + y * distance)});
      const double before = x;
      x = x * turn_cos - turn_sin * y;
      y = before * turn_sin + y * turn_cos;
    }
    outline->push_back({RoundAway(c[i].x + normal_x[i] * distance), RoundAway(c[i].y + normal_y[i] * distance)});
  }
}

}  // namespace lnx::decode
