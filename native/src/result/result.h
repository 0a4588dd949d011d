// What a run returns: one arena holding everything that the C views point to, pooled so that the steady state of a session
// allocates nothing. Also the verdict rules, JSON and overlay.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "crypto/crypto.h"
#include "lnx/lnx.h"
#include "manifest/manifest.h"

namespace lnx::result {

// Bump allocator. Reset keeps the blocks; after a few runs no more are needed.
class Arena {
 public:
  explicit Arena(size_t first_block = 64 * 1024);
  void* Allocate(size_t bytes, size_t alignment = 16);
  template <typename T>
  T* Array(size_t n) {
    return static_cast<T*>(Allocate(n * sizeof(T), alignof(T) < 16 ? 16 : alignof(T)));
  }
  const char* Text(const char* text, size_t bytes);
  const char* Text(const std::string& text) { return Text(text.data(), text.size()); }
  void Reset() noexcept;

 private:
  struct Block {
    std::unique_ptr<uint8_t[]> data;
    size_t size = 0;
  };
  std::vector<Block> blocks_;
  size_t block_ = 0, used_ = 0;
};

// A growing array inside an arena. Trivially copyable items only; old storage is left behind in the arena.
template <typename T>
class List {
 public:
  void Clear() {
    data_ = nullptr;
    size_ = capacity_ = 0;
  }
  T& Add(Arena& arena, const T& item) {
    if (size_ == capacity_) Grow(arena);
    data_[size_] = item;
    return data_[size_++];
  }
  T* data() const { return data_; }
  uint32_t size() const { return size_; }
  void Truncate(uint32_t n) {
    if (n < size_) size_ = n;
  }
  T& operator[](size_t i) const { return data_[i]; }
  T* begin() const { return data_; }
  T* end() const { return data_ + size_; }

 private:
  void Grow(Arena& arena) {
    const uint32_t capacity = capacity_ ? capacity_ * 2 : 16;
    T* grown = arena.Array<T>(capacity);
    if (size_) std::memcpy(grown, data_, size_ * sizeof(T));
    data_ = grown;
    capacity_ = capacity;
  }
  T* data_ = nullptr;
  uint32_t size_ = 0, capacity_ = 0;
};

// Thresholds in force for one run: manifest < session parameters < LnxRunOptions.
struct RunParams {
  double threshold = 0.5, guard_band = 0, min_area_px = 0, nms_iou = 0.65;
  double mask_threshold = std::numeric_limits<double>::quiet_NaN();  // NaN = as the manifest says
  uint32_t max_objects = 300, top_k = 5, want = 0;
  int64_t deadline = 0;                 // of the run, NowMicros; 0 = none
  std::vector<double> class_threshold;  // per label, resolved (never NaN)
  std::vector<double> class_min_area;   // per label, resolved
};

struct ImageResult {
  LnxSummary summary{};
  // The model itself scores the image (anomaly): score rules then look at this score, and count and area rules at the regions,
  // which the mask threshold has already decided about.
  bool scored = false;
  float score_raw = 0, score_norm = 0;
  List<LnxClass> classes;
  List<LnxObject> objects;
  List<LnxRegion> regions;
  List<LnxPolygon> polygons;
  List<LnxRle> rles;
  List<LnxText> texts;
  List<LnxRow> rows;
  List<LnxPlane> planes;
};

class Pool;

// One LnxResult. Owned by a pool; LnxResultRelease gives it back, and so does everybody else who holds it.
struct Storage {
  std::atomic<uint32_t> holders{1};
  Arena arena;
  std::vector<ImageResult> images;
  std::shared_ptr<const manifest::Manifest> manifest;  // labels, colours
  std::shared_ptr<Pool> pool;                          // keeps the pool alive while the caller holds the result
};

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  explicit Pool(std::shared_ptr<const manifest::Manifest> manifest) : manifest_(std::move(manifest)) {}
  Storage* Take(uint32_t images);                                                 // cleared, images.size() == images
  static void Hold(Storage* storage) noexcept { storage->holders.fetch_add(1); }  // one more Give is due
  static void Give(Storage* storage) noexcept;                                    // the last holder's gives it back
  ~Pool();

 private:
  std::shared_ptr<const manifest::Manifest> manifest_;
  std::mutex mutex_;
  std::vector<Storage*> free_;
  size_t made_ = 0;
};

// Applies the manifest's rules with the guard band and fills verdict, rule, reason, score and threshold of the summary.
// Throws LNX_E_NUMERIC when a score is NaN.
void DecideVerdict(const manifest::Manifest& manifest, const RunParams& params, Arena& arena, ImageResult* image);

// One line of JSON; the schema is docs/reference/result.schema.json.
std::string ToJson(const Storage& storage, uint32_t i);

// SHA-256 of everything the result answers, bit for bit; numbering, tag, times, provider and model are left out.
crypto::Digest DigestOf(const Storage& storage, uint32_t i);

// Draws over an 8-bit BGR canvas that already holds the background.
struct Canvas {
  uint8_t* data;
  int32_t width, height;
  int64_t stride;
};
void Draw(const Storage& storage, uint32_t i, const LnxDrawStyle& style, const Canvas& canvas);

}  // namespace lnx::result
