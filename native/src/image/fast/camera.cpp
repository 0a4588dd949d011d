// Camera pictures, row by row: what decides the colours of a mosaic is settled once per row, chroma once per pair of pixels, and
// 16-bit values pass their window by a table.
#include "image/camera.h"

#include <algorithm>
#include <cstring>

namespace lnx::image {
namespace {

constexpr size_t kLevels = 65536;

const uint8_t* LevelsFor(const manifest::Window& window, Developed* developed) {
  const manifest::Window& have = developed->levels_of;
  if (developed->levels.size() == kLevels && have.lo == window.lo && have.hi == window.hi) return developed->levels.data();
  developed->levels.resize(kLevels);
  for (uint32_t v = 0; v < kLevels; ++v) developed->levels[v] = ThroughWindow(v, window);
  developed->levels_of = window;
  return developed->levels.data();
}

struct Plain {
  uint8_t operator()(uint32_t value) const { return static_cast<uint8_t>(value); }
};
struct Windowed {
  const uint8_t* levels;
  uint8_t operator()(uint32_t value) const { return levels[value]; }
};

template <typename Sample>
Sample Load(const uint8_t* row, int32_t x) {
  Sample value;
  std::memcpy(&value, row + static_cast<int64_t>(x) * static_cast<int64_t>(sizeof(Sample)), sizeof value);
  return value;
}

// One row of a mosaic between its borders. `own`: the colour (0 blue, 2 red) that this row has beside green.
template <typename Sample, typename Level>
class MosaicRow {
 public:
  MosaicRow(const View& view, int32_t y, Level level) : level_(level), last_(view.full_width - 2) {
    const int32_t inside = std::clamp(y, 1, view.full_height - 2);
    const RedAt red = RedOf(view.format);
    const bool red_row = (inside & 1) == red.y;
    own_ = red_row ? 2 : 0;
    coloured_ = red_row ? red.x : 1 - red.x;  // parity of the columns that are not green
    above_ = view.Row(inside - 1);
    row_ = view.Row(inside);
    below_ = view.Row(inside + 1);
  }

  void Write(int32_t begin, int32_t end, uint8_t* out) const {
    int32_t x = begin;
    for (; x < end && x < 1; ++x, out += 3) Any(x, out);
    const int32_t inner = std::min(end, last_ + 1);
    if (x < inner && (x & 1) != coloured_) Green(x++, out), out += 3;
    for (; x + 1 < inner; x += 2, out += 6) {
      Coloured(x, out);
      Green(x + 1, out + 3);
    }
    for (; x < end; ++x, out += 3) Any(x, out);
  }

 private:
  void Any(int32_t x, uint8_t* out) const {
    x = std::clamp(x, 1, last_);
    if ((x & 1) == coloured_) {
      Coloured(x, out);
    } else {
      Green(x, out);
    }
  }
  void Coloured(int32_t x, uint8_t* out) const {
    const uint32_t cross = uint32_t{At(row_, x - 1)} + At(row_, x + 1) + At(above_, x) + At(below_, x);
    const uint32_t corners = uint32_t{At(above_, x - 1)} + At(above_, x + 1) + At(below_, x - 1) + At(below_, x + 1);
    out[own_] = level_(At(row_, x));
    out[1] = level_((cross + 2) >> 2);
    out[2 - own_] = level_((corners + 2) >> 2);
  }
  void Green(int32_t x, uint8_t* out) const {
    out[own_] = level_((uint32_t{At(row_, x - 1)} + At(row_, x + 1) + 1) >> 1);
    out[1] = level_(At(row_, x));
    out[2 - own_] = level_((uint32_t{At(above_, x)} + At(below_, x) + 1) >> 1);
  }
  static Sample At(const uint8_t* row, int32_t x) { return Load<Sample>(row, x); }

  Level level_;
  int32_t last_, own_ = 0, coloured_ = 0;
  const uint8_t *above_ = nullptr, *row_ = nullptr, *below_ = nullptr;
};

template <typename Sample, typename Level>
void Mosaic(const View& view, Level level, uint8_t* out) {
  for (int32_t y = 0; y < view.height; ++y) {
    const MosaicRow<Sample, Level> row(view, view.top + y, level);
    row.Write(view.left, view.left + view.width, out + static_cast<int64_t>(y) * view.width * 3);
  }
}

void Nv12(const View& view, uint8_t* out) {
  for (int32_t y = view.top; y < view.top + view.height; ++y) {
    const uint8_t *luma = view.Row(y), *chroma = view.Row(view.full_height + y / 2);
    for (int32_t x = view.left; x < view.left + view.width; ++x, out += 3) {
      YuvToBgr(luma[x], chroma[x & ~1], chroma[x | 1], out);
    }
  }
}

void Floats(const View& view, int32_t planes, uint8_t* out) {
  for (int32_t y = view.top; y < view.top + view.height; ++y, out += static_cast<int64_t>(view.width) * planes) {
    for (int32_t plane = 0; plane < planes; ++plane) {
      const uint8_t* row = view.Row(plane * view.full_height + y);
      uint8_t* to = out + (planes - 1 - plane);  // red comes first, and is written last
      bool numbers = true;
      for (int32_t x = 0; x < view.width; ++x) numbers &= FloatToByte(Load<float>(row, view.left + x), to + x * planes);
      if (numbers) continue;
      for (int32_t x = view.left; x < view.left + view.width; ++x) {
        uint8_t unused;
        if (!FloatToByte(Load<float>(row, x), &unused)) RefuseNan(x, y);
      }
    }
  }
}

void Unpack(const View& view, uint32_t bits, uint8_t* out) {
  const uint32_t mask = (1u << bits) - 1;
  for (int32_t y = view.top; y < view.top + view.height; ++y) {
    const uint8_t* row = view.Row(y);
    int64_t bit = static_cast<int64_t>(view.left) * bits;
    for (int32_t x = 0; x < view.width; ++x, bit += bits, out += 2) {
      const auto value = static_cast<uint16_t>(Load<uint16_t>(row + bit / 8, 0) >> (bit % 8) & mask);
      std::memcpy(out, &value, 2);
    }
  }
}

}  // namespace

View Develop(const View& view, const manifest::Window* window, Developed* developed) {
  if (!IsCameraFormat(view.format)) return view;
  const uint32_t bits = PackedBits(view.format);
  LnxPixelFormat format = LNX_PIXEL_BGR8;
  if (bits != 0) format = LNX_PIXEL_GRAY16;
  if (view.format == LNX_PIXEL_F32_GRAY) format = LNX_PIXEL_GRAY8;
  const View out = MakeDeveloped(view, format, developed);
  uint8_t* pixels = developed->pixels.data();
  if (view.format == LNX_PIXEL_NV12) {
    Nv12(view, pixels);
  } else if (view.format == LNX_PIXEL_F32_GRAY || view.format == LNX_PIXEL_F32_PLANAR) {
    Floats(view, view.format == LNX_PIXEL_F32_GRAY ? 1 : 3, pixels);
  } else if (bits != 0) {
    Unpack(view, bits, pixels);
  } else if (IsWideMosaic(view.format)) {
    Mosaic<uint16_t>(view, Windowed{LevelsFor(WindowFor(view, window), developed)}, pixels);
  } else {
    Mosaic<uint8_t>(view, Plain{}, pixels);
  }
  return out;
}

}  // namespace lnx::image
