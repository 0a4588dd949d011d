// Sizes and coordinates: what each op does to them, and the way back to the caller's image.
#include <algorithm>
#include <cmath>

#include "image/plan.h"

namespace lnx::image {
namespace {

int32_t Rounded(double value, manifest::ResizeOp::Rounding rounding) {
  const double whole = rounding == manifest::ResizeOp::Rounding::kFloor ? std::floor(value) : std::floor(value + 0.5);
  return std::max(1, static_cast<int32_t>(whole));
}

}  // namespace

Resized SizeOf(const manifest::ResizeOp& op, int32_t width, int32_t height) {
  using Mode = manifest::ResizeOp::Mode;
  Resized r;
  if (op.mode == Mode::kStretch) {
    r.width = r.out_width = op.width;
    r.height = r.out_height = op.height;
    r.factor_x = static_cast<double>(width) / op.width;
    r.factor_y = static_cast<double>(height) / op.height;
    return r;
  }
  double scale;
  if (op.mode == Mode::kShortSide) {
    scale = static_cast<double>(op.width) / std::min(width, height);
  } else {
    scale = std::min(static_cast<double>(op.height) / height, static_cast<double>(op.width) / width);
  }
  if (!op.scale_up) scale = std::min(scale, 1.0);
  r.width = Rounded(width * scale, op.rounding);
  r.height = Rounded(height * scale, op.rounding);
  if (op.mode == Mode::kShortSide && (op.scale_up || scale < 1)) {
    // The short side is exact, and the long one is size * long / short in this order, as torchvision computes it.
    const double longer = static_cast<double>(op.width) * std::max(width, height) / std::min(width, height);
    r.width = width <= height ? op.width : Rounded(longer, op.rounding);
    r.height = width <= height ? Rounded(longer, op.rounding) : op.width;
  }
  r.factor_x = r.factor_y = 1.0 / scale;
  r.out_width = r.width;
  r.out_height = r.height;
  if (op.mode == Mode::kLetterbox) {
    r.width = std::min(r.width, op.width);
    r.height = std::min(r.height, op.height);
    r.out_width = op.width;
    r.out_height = op.height;
    if (op.anchor == manifest::ResizeOp::Anchor::kCenter) {
      r.left = (op.width - r.width) / 2;
      r.top = (op.height - r.height) / 2;
    }
  }
  if (op.back_by_size) {
    r.factor_x = static_cast<double>(width) / r.width;
    r.factor_y = static_cast<double>(height) / r.height;
  }
  return r;
}

Chain Chain::Start(const LnxRect& roi) {
  Chain chain;
  chain.shift_x = chain.image_left = roi.x;
  chain.shift_y = chain.image_top = roi.y;
  chain.right = roi.width;
  chain.bottom = roi.height;
  chain.image_right = roi.x + roi.width;
  chain.image_bottom = roi.y + roi.height;
  return chain;
}

void Chain::Crop(int32_t x, int32_t y, int32_t width, int32_t height) {
  shift_x += factor_x * x;
  shift_y += factor_y * y;
  left = std::clamp(left - x, 0.0, static_cast<double>(width));
  right = std::clamp(right - x, 0.0, static_cast<double>(width));
  top = std::clamp(top - y, 0.0, static_cast<double>(height));
  bottom = std::clamp(bottom - y, 0.0, static_cast<double>(height));
  image_left = std::max(image_left, shift_x + factor_x * left);
  image_right = std::min(image_right, shift_x + factor_x * right);
  image_top = std::max(image_top, shift_y + factor_y * top);
  image_bottom = std::min(image_bottom, shift_y + factor_y * bottom);
}

void Chain::Resize(const Resized& r) {
  shift_x -= factor_x * r.factor_x * r.left;
  shift_y -= factor_y * r.factor_y * r.top;
  factor_x *= r.factor_x;
  factor_y *= r.factor_y;
  left = r.left;
  top = r.top;
  right = r.left + r.width;
  bottom = r.top + r.height;
}

Geometry Chain::Finish(int32_t width, int32_t height, int32_t full_width, int32_t full_height) const {
  Geometry g;
  g.scale_x = factor_x;
  g.scale_y = factor_y;
  g.origin_x = shift_x;
  g.origin_y = shift_y;
  g.input_width = width;
  g.input_height = height;
  g.content_x = static_cast<int32_t>(std::lround(left));
  g.content_y = static_cast<int32_t>(std::lround(top));
  g.content_width = static_cast<int32_t>(std::lround(right)) - g.content_x;
  g.content_height = static_cast<int32_t>(std::lround(bottom)) - g.content_y;
  g.part_x = static_cast<int32_t>(std::lround(image_left));
  g.part_y = static_cast<int32_t>(std::lround(image_top));
  g.part_width = static_cast<int32_t>(std::lround(image_right)) - g.part_x;
  g.part_height = static_cast<int32_t>(std::lround(image_bottom)) - g.part_y;
  g.image_width = full_width;
  g.image_height = full_height;
  return g;
}

}  // namespace lnx::image
