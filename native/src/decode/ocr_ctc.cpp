// Columns of class probabilities -> characters, and the dictionary that names them.
#include <cstring>

#include "base/platform.h"
#include "base/status.h"
#include "decode/best.h"
#include "decode/ocr.h"
#include "image/image.h"

namespace lnx::decode {
namespace {

Best BestOf(const float* values, int32_t n) {
#if defined(__x86_64__) || defined(_M_X64)
  if (image::ActiveSimd() == image::Simd::kAvx2) return Avx2Best(values, n);
#endif
  return PlainBest(values, n);
}

}  // namespace

void ReadColumns(const float* probabilities, int64_t columns, int64_t classes, Reading* reading) {
  reading->characters.clear();
  reading->columns.clear();
  reading->scores.clear();
  int32_t last = -1;
  double sum = 0;
  for (int64_t c = 0; c < columns; ++c) {
    const Best best = BestOf(probabilities + c * classes, static_cast<int32_t>(classes));
    if (!best.finite) Fail(LNX_E_NUMERIC, {"NaN or infinity", "finite numbers", "the text reader's output"});
    if (best.at != 0 && best.at != last) {
      reading->characters.push_back(best.at - 1);
      reading->columns.push_back(static_cast<int32_t>(c));
      reading->scores.push_back(best.value);
      sum += static_cast<double>(best.value);
    }
    last = best.at;
  }
  reading->score = reading->scores.empty() ? 0.0f : static_cast<float>(sum / static_cast<double>(reading->scores.size()));
}

Dictionary::Dictionary(Bytes file, bool space, const std::string& where) : where_(where) {
  text_.reserve(file.size + 1);
  starts_.push_back(0);
  if (!platform::IsUtf8(reinterpret_cast<const char*>(file.data), file.size)) {
    Fail(LNX_E_DICTIONARY, {"bytes that are not UTF-8", "one character per line, UTF-8", where_});
  }
  for (size_t begin = 0; begin < file.size;) {
    const auto* newline = static_cast<const uint8_t*>(std::memchr(file.data + begin, '\n', file.size - begin));
    const size_t end = newline != nullptr ? static_cast<size_t>(newline - file.data) : file.size;
    const size_t stop = end > begin && file.data[end - 1] == '\r' ? end - 1 : end;
    text_.append(reinterpret_cast<const char*>(file.data) + begin, stop - begin);
    starts_.push_back(text_.size());
    begin = end + 1;
  }
  if (size() == 0) Fail(LNX_E_DICTIONARY, {"an empty file", "one character per line", where_});
  if (space) {
    text_ += ' ';
    starts_.push_back(text_.size());
  }
}

void Dictionary::Require(int64_t classes, const std::string& output) const {
  const auto expected = static_cast<int64_t>(size()) + 1;
  if (classes == expected) return;
  Fail(LNX_E_DICTIONARY,
       {std::to_string(size()) + " characters in " + where_ + " and the blank: " + std::to_string(expected) + " classes",
        std::to_string(classes) + " classes, as the graph gives", "output \"" + output + "\""});
}

}  // namespace lnx::decode
