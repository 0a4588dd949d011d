// The loops over rows of numbers that decoding spends its time in: plain, and for AVX2 with the same operations in the same
// order, so that both give the same bits (tests/decode/lanes_test.cpp compares them). Internal to decode/.
#pragma once

#include <cstdint>
#include <cstring>

namespace lnx::decode {

// From the graph's numbers to those of a picture: (value - low) * factor, kept within 0..top, halves to even.
struct Levels {
  float low = 0, factor = 1, top = 255;
};

struct Lanes {
  // out[i] = from[columns[i]], mixed with its right neighbour by weights[i]; a weight of 0 takes it as it is. Columns never fall;
  // from[0..readable) may be read.
  void (*widen)(const float* from, int32_t readable, const int32_t* columns, const float* weights, int32_t n, float* out);
  // out[i] = upper[i] * (1 - weight) + lower[i] * weight
  void (*mix)(const float* upper, const float* lower, float weight, int32_t n, float* out);
  // out[i] = sum over k of kernel[k] * rows[k][i], in the order of k
  void (*smooth)(const float* const* rows, const float* kernel, int32_t taps, int32_t n, float* out);
  void (*to_bytes)(const float* from, const Levels& levels, int32_t n, uint8_t* out);
  void (*to_words)(const float* from, const Levels& levels, int32_t n, uint16_t* out);
  // Three planes as the three bytes of a pixel.
  void (*to_pixels)(const float* const from[3], const Levels& levels, int32_t n, uint8_t* out);
  // The channel with the largest value, of equal ones the first; value of channel c at i is first[c * step + i].
  void (*largest)(const float* first, int64_t step, int32_t channels, int32_t n, float* value, int32_t* channel);
  void (*winner)(const float* first, int64_t step, int32_t channels, int32_t n, uint8_t* channel);
  // best[i] (the largest of its channels) becomes 1 / (sum over c of e^(value - best)). known: the channel that is the largest
  // everywhere, whose term is 1; -1 when they differ.
  void (*softmax)(const float* first, int64_t step, int32_t channels, int32_t known, int32_t n, float* best);
  // out[i] = from[i] >= limit
  void (*reaches)(const float* from, float limit, int32_t n, uint8_t* out);
  // *sum += all of them, in eight sums side by side that are added at the end; *most = the largest, of them and of itself.
  void (*total)(const float* from, int32_t n, double* sum, float* most);
};

const Lanes& PlainLanes();
#if defined(__x86_64__) || defined(_M_X64)
const Lanes& Avx2Lanes();  // only on processors with AVX2
#endif
const Lanes& FastLanes();  // what this processor offers

// Number of the lowest byte that is not 0, of a word that has one.
inline int32_t LowestByte(uint64_t word) {
#if defined(__GNUC__)
  return __builtin_ctzll(word) / 8;
#else
  int32_t at = 0;
  for (; (word & 0xFF) == 0; word >>= 8) ++at;
  return at;
#endif
}

// First of the bytes from x on that is not `value`, or `end`. Most of a picture is background, so eight are looked at together
// (the first of them is the lowest: every processor that this runs on is little-endian).
inline int32_t EndOfRun(const uint8_t* row, int32_t x, int32_t end, uint8_t value) {
  const uint64_t eight = 0x0101010101010101ull * value;
  for (; x + 8 <= end; x += 8) {
    uint64_t word;
    std::memcpy(&word, row + x, sizeof word);
    if (word != eight) return x + LowestByte(word ^ eight);
  }
  while (x < end && row[x] == value) ++x;
  return x;
}

}  // namespace lnx::decode
