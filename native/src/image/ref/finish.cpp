// 8-bit picture -> tensor.
#include <cstring>

#include "image/ops.h"

namespace lnx::image {

uint16_t ToHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
  if (magnitude >= 0x7F800000u) return static_cast<uint16_t>(sign | 0x7C00u | (magnitude > 0x7F800000u ? 0x200u : 0u));
  if (magnitude >= 0x477FF000u) return static_cast<uint16_t>(sign | 0x7C00u);  // rounds to infinity
  if (magnitude < 0x38800000u) {                                               // subnormal or zero
    float scaled;
    std::memcpy(&scaled, &magnitude, 4);
    scaled = scaled * 16777216.0f;  // 2^24: the unit of a subnormal half becomes 1
    const auto whole = static_cast<uint32_t>(scaled);
    const float rest = scaled - static_cast<float>(whole);
    return static_cast<uint16_t>(sign | (whole + (rest > 0.5f || (rest == 0.5f && (whole & 1)) ? 1 : 0)));
  }
  const uint32_t rounded = magnitude + 0xFFFu + (magnitude >> 13 & 1);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

void FinishTensor(const Picture& in, const Finish& finish, void* tensor) {
  const size_t pixels = static_cast<size_t>(in.width) * static_cast<size_t>(in.height);
  const auto channels = static_cast<size_t>(in.channels);
  for (size_t c = 0; c < channels; ++c) {
    for (size_t i = 0; i < pixels; ++i) {
      const uint8_t v = in.data[i * channels + c];
      const size_t at = finish.nchw ? c * pixels + i : i * channels + c;
      if (finish.dtype == manifest::DType::kU8) {
        static_cast<uint8_t*>(tensor)[at] = v;
      } else if (finish.dtype == manifest::DType::kF16) {
        static_cast<uint16_t*>(tensor)[at] = ToHalf(finish.Value(v, static_cast<int>(c)));
      } else {
        static_cast<float*>(tensor)[at] = finish.Value(v, static_cast<int>(c));
      }
    }
  }
}

}  // namespace lnx::image
