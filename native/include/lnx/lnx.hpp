// The C++ face of LNX Edge: header-only RAII over lnx.h, C++14 and later. Link lnx.lib / liblnx.so.
//
//     lnx::Session session("part.lnx", lnx::Options().Device("cuda:0"));
//     lnx::Result result = session.Run(lnx::Image(pixels, width, height, LNX_PIXEL_BGR8, stride));
//     if (result.Summary().verdict == LNX_VERDICT_NG) reject();
//
// Failures throw lnx::Error, which carries everything that LnxLastError tells. Views (Objects, Regions, ...) point into
// their Result and live as long as it. Threads: as in lnx.h; a Session may be used by several threads, a Result read by any.
#ifndef LNX_LNX_HPP
#define LNX_LNX_HPP

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lnx.h"

namespace lnx {

// What LnxLastError told when a call failed. what() is the whole text.
class Error : public std::runtime_error {
 public:
  explicit Error(const LnxErrorInfo& info)
      : std::runtime_error(info.message),
        status_(info.status),
        name_(info.name),
        found_(info.found),
        expected_(info.expected),
        where_(info.where),
        fix_(info.fix) {}

  LnxStatus status() const noexcept { return status_; }
  const std::string& name() const noexcept { return name_; }
  const std::string& found() const noexcept { return found_; }
  const std::string& expected() const noexcept { return expected_; }
  const std::string& where() const noexcept { return where_; }
  const std::string& fix() const noexcept { return fix_; }

 private:
  LnxStatus status_;
  std::string name_, found_, expected_, where_, fix_;
};

// Throws what the last call of this thread left behind.
inline void Check(LnxStatus status) {
  if (status == LNX_OK) return;
  LnxErrorInfo info = {};
  info.struct_size = sizeof info;
  LnxLastError(&info);
  throw Error(info);
}

// Items of a result, borrowed from it.
template <typename Item>
class View {
 public:
  View(const Item* items, uint32_t n) : items_(items), n_(n) {}
  const Item* begin() const { return items_; }
  const Item* end() const { return items_ + n_; }
  uint32_t size() const { return n_; }
  bool empty() const { return n_ == 0; }
  const Item& operator[](uint32_t i) const { return items_[i]; }

 private:
  const Item* items_;
  uint32_t n_;
};

// Options of a session. Every setter returns the object, so that they chain.
class Options {
 public:
  Options() { LnxInitOptionsInit(&options_); }

  Options& Device(std::string device) { return device_ = std::move(device), *this; }
  Options& RuntimeDir(std::string folder) { return runtime_dir_ = std::move(folder), *this; }
  Options& KeyFile(std::string path) { return key_file_ = std::move(path), *this; }
  Options& TrustKey(std::string pem_path) { return trusted_.push_back(std::move(pem_path)), *this; }
  Options& LicenseFile(std::string path) { return license_file_ = std::move(path), *this; }
  Options& LicenseWait(uint32_t ms) { return options_.license_wait_ms = ms, *this; }
  Options& OnLicense(LnxLicenseChanged changed, void* user) {
    return options_.license_changed = changed, options_.license_user = user, *this;
  }
  Options& Program(std::string name) { return program_ = std::move(name), *this; }
  Options& AllowCpuFallback(bool allow = true) { return options_.allow_cpu_fallback = allow ? 1u : 0u, *this; }
  Options& CpuThreads(uint32_t n) { return options_.cpu_threads = n, *this; }
  Options& RunSlots(uint32_t n) { return options_.run_slots = n, *this; }
  Options& QueueDepth(uint32_t n) { return options_.queue_depth = n, *this; }
  Options& SubmitBatch(uint32_t n) { return options_.submit_batch = n, *this; }
  Options& KeepWarm(uint32_t period_ms, uint32_t minutes = 0) {
    return options_.gpu_keep_warm_ms = period_ms, options_.keep_warm_minutes = minutes, *this;
  }
  Options& WarmUpSize(uint32_t width, uint32_t height) {
    return options_.warm_up_width = width, options_.warm_up_height = height, *this;
  }
  Options& MaxBatch(uint32_t n) { return options_.max_batch = n, *this; }
  Options& Want(uint32_t flags) { return options_.want = flags, *this; }
  Options& Threshold(double threshold) { return options_.threshold = threshold, *this; }
  Options& GuardBand(double half_width) { return options_.guard_band = half_width, *this; }
  Options& MinArea(double pixels) { return options_.min_area_px = pixels, *this; }
  Options& Tiles(uint32_t width, uint32_t height) { return options_.tile_width = width, options_.tile_height = height, *this; }
  Options& TileOverlap(double share) { return options_.tile_overlap = share, *this; }
  Options& Uint8Heads(uint32_t when) { return options_.uint8_heads = when, *this; }
  Options& GpuGraph(uint32_t when) { return options_.gpu_graph = when, *this; }
  Options& GpuPreprocess(uint32_t when) { return options_.gpu_preprocess = when, *this; }
  Options& GpuMemory(uint32_t mb) { return options_.gpu_memory_mb = mb, *this; }
  Options& GpuTf32(bool allow) { return options_.gpu_tf32 = allow ? 0u : 1u, *this; }
  Options& ClassThresholds(std::vector<float> values) { return class_thresholds_ = std::move(values), *this; }
  Options& ClassMinAreas(std::vector<float> pixels) { return class_min_areas_ = std::move(pixels), *this; }
  Options& Progress(LnxProgress progress, void* user) {
    return options_.progress = progress, options_.progress_user = user, *this;
  }
  Options& Log(LnxLog log, void* user) { return options_.log = log, options_.log_user = user, *this; }

  // The C struct; its pointers live as long as this object and until its next change.
  const LnxInitOptions* Get() const {
    options_.device = device_.empty() ? nullptr : device_.c_str();
    options_.runtime_dir = runtime_dir_.empty() ? nullptr : runtime_dir_.c_str();
    options_.key_file = key_file_.empty() ? nullptr : key_file_.c_str();
    options_.program = program_.empty() ? nullptr : program_.c_str();
    options_.license_file = license_file_.empty() ? nullptr : license_file_.c_str();
    pointers_.clear();
    for (const std::string& path : trusted_) pointers_.push_back(path.c_str());
    options_.trusted_keys = pointers_.empty() ? nullptr : pointers_.data();
    options_.trusted_key_count = static_cast<uint32_t>(pointers_.size());
    options_.class_thresholds = class_thresholds_.data();
    options_.class_threshold_count = static_cast<uint32_t>(class_thresholds_.size());
    options_.class_min_areas_px = class_min_areas_.data();
    options_.class_min_area_count = static_cast<uint32_t>(class_min_areas_.size());
    return &options_;
  }

 private:
  std::string device_, runtime_dir_, key_file_, program_, license_file_;
  std::vector<std::string> trusted_;
  std::vector<float> class_thresholds_, class_min_areas_;
  mutable std::vector<const char*> pointers_;
  mutable LnxInitOptions options_;
};

// A borrowed picture in host memory. stride 0 = rows without padding; negative = bottom-up, data at the top row.
struct Image : LnxImage {
  Image(const void* pixels, int32_t columns, int32_t rows, LnxPixelFormat format, int64_t stride = 0) {
    LnxImageInit(this, pixels, columns, rows, stride, format);
  }
  Image& Roi(int32_t x, int32_t y, int32_t columns, int32_t rows) { return roi = LnxRect{x, y, columns, rows}, *this; }
  Image& Tag(uint64_t tag) { return user_tag = tag, *this; }
};

// The results of one run; one entry per image of the batch.
class Result {
 public:
  Result() = default;
  explicit Result(LnxResult result) : result_(result) {}
  Result(Result&& other) noexcept : result_(other.result_) { other.result_ = nullptr; }
  Result& operator=(Result&& other) noexcept {
    std::swap(result_, other.result_);
    return *this;
  }
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  ~Result() { LnxResultRelease(result_); }

  LnxResult Get() const { return result_; }
  explicit operator bool() const { return result_ != nullptr; }

  uint32_t Count() const {
    uint32_t n = 0;
    Check(LnxResultCount(result_, &n));
    return n;
  }
  LnxSummary Summary(uint32_t i = 0) const {
    LnxSummary summary = {};
    summary.struct_size = sizeof summary;
    Check(LnxResultSummary(result_, i, &summary));
    return summary;
  }
  View<LnxClass> Classes(uint32_t i = 0) const { return Items<LnxClass>(LnxResultClasses, i); }
  View<LnxObject> Objects(uint32_t i = 0) const { return Items<LnxObject>(LnxResultObjects, i); }
  View<LnxRegion> Regions(uint32_t i = 0) const { return Items<LnxRegion>(LnxResultRegions, i); }
  View<LnxPolygon> Polygons(uint32_t i = 0) const { return Items<LnxPolygon>(LnxResultPolygons, i); }
  View<LnxRle> Rles(uint32_t i = 0) const { return Items<LnxRle>(LnxResultRles, i); }
  View<LnxText> Texts(uint32_t i = 0) const { return Items<LnxText>(LnxResultTexts, i); }
  View<LnxRow> Rows(uint32_t i = 0) const { return Items<LnxRow>(LnxResultRows, i); }
  LnxPlane Plane(LnxPlaneKind kind, uint32_t i = 0) const {
    LnxPlane plane = {};
    Check(LnxResultPlane(result_, i, kind, &plane));
    return plane;
  }
  std::string Json(uint32_t i = 0) const {
    uint32_t needed = 0;
    Check(LnxResultToJson(result_, i, nullptr, 0, &needed));
    std::string text(needed, '\0');
    Check(LnxResultToJson(result_, i, &text[0], needed, &needed));
    text.resize(needed - 1);
    return text;
  }
  // SHA-256 of everything that is answered: equal for equal answers, bit for bit.
  std::array<uint8_t, 32> Digest(uint32_t i = 0) const {
    std::array<uint8_t, 32> digest = {};
    Check(LnxResultDigest(result_, i, digest.data()));
    return digest;
  }
  // canvas: BGR8 of the image's size, overwritten. background NULL = black.
  void Draw(const LnxImage& canvas, const LnxImage* background = nullptr, uint32_t i = 0,
            const LnxDrawStyle* style = nullptr) const {
    Check(LnxResultDraw(result_, i, background, style, &canvas));
  }

 private:
  template <typename Item>
  View<Item> Items(LnxStatus(LNX_CALL* read)(LnxResult, uint32_t, const Item**, uint32_t*), uint32_t i) const {
    const Item* items = nullptr;
    uint32_t n = 0;
    Check(read(result_, i, &items, &n));
    return View<Item>(items, n);
  }
  LnxResult result_ = nullptr;
};

// An initialised model on a device, until the object goes.
class Session {
 public:
  explicit Session(const std::string& model_path, const Options& options = Options()) {
    Check(LnxInitialize(model_path.c_str(), options.Get(), &handle_));
  }
#if defined(_WIN32)
  explicit Session(const std::wstring& model_path, const Options& options = Options()) {
    Check(LnxInitializeW(model_path.c_str(), options.Get(), &handle_));
  }
#endif
  Session(Session&& other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { LnxUninitialize(&handle_); }

  LnxHandle Get() const { return handle_; }

  Result Run(const LnxImage& image, const LnxRunOptions* options = nullptr) { return Run(&image, 1, options); }
  Result Run(const LnxImage* images, uint32_t n, const LnxRunOptions* options = nullptr) {
    LnxResult result = nullptr;
    Check(LnxRun(handle_, images, n, options, &result));
    return Result(result);
  }
  // One entry of the result per part of the image.
  Result RunRois(const LnxImage& image, const std::vector<LnxRect>& rois, const LnxRunOptions* options = nullptr) {
    LnxResult result = nullptr;
    Check(LnxRunRois(handle_, &image, rois.data(), static_cast<uint32_t>(rois.size()), options, &result));
    return Result(result);
  }
  LnxTicket Submit(const LnxImage& image, const LnxRunOptions* options = nullptr) {
    LnxTicket ticket = 0;
    Check(LnxSubmit(handle_, &image, 1, options, &ticket));
    return ticket;
  }
  // ticket 0 = the oldest. Throws LNX_E_TIMEOUT as lnx::Error.
  Result Wait(LnxTicket ticket = 0, uint32_t timeout_ms = UINT32_MAX) {
    LnxResult result = nullptr;
    Check(LnxWait(handle_, ticket, timeout_ms, &result));
    return Result(result);
  }
  // Keeps the last runs and saves them, encrypted for the holder of the key, when a trigger fires (LNX_RECORD_ON_...) or asked
  // to.
  void RecordStart(const std::string& folder, const std::string& key_file, LnxRecordTrigger save_on = LNX_RECORD_ON_DEMAND,
                   uint32_t runs = 0) {
    LnxRecordOptions options;
    LnxRecordOptionsInit(&options);
    options.folder = folder.c_str();
    options.key_file = key_file.c_str();
    options.save_on = save_on;
    options.runs = runs;
    Check(LnxRecordStart(handle_, &options));
  }
  // The file's path, "" when no run was kept.
  std::string RecordSave(const std::string& reason = "demand") {
    char path[LNX_RECORD_PATH_BYTES] = {};
    Check(LnxRecordSave(handle_, reason.c_str(), path, sizeof path));
    return path;
  }
  void RecordStop() { Check(LnxRecordStop(handle_)); }
  void SetParam(const std::string& key, double number) {
    LnxValue value = {};
    value.struct_size = sizeof value;
    value.type = LNX_VALUE_FLOAT;
    value.f = number;
    Check(LnxSetParam(handle_, key.c_str(), &value));
  }
  LnxValue GetParam(const std::string& key) const {
    LnxValue value = {};
    value.struct_size = sizeof value;
    Check(LnxGetParam(handle_, key.c_str(), &value));
    return value;
  }
  std::string Describe() const {
    uint32_t needed = 0;
    Check(LnxDescribeModel(handle_, nullptr, 0, &needed));
    std::string text(needed, '\0');
    Check(LnxDescribeModel(handle_, &text[0], needed, &needed));
    text.resize(needed - 1);
    return text;
  }
  LnxLicenseInfo License() const {
    LnxLicenseInfo info = {};
    info.struct_size = sizeof info;
    Check(LnxLicenseState(handle_, &info));
    return info;
  }
  LnxSelfTestReport SelfTest() {
    LnxSelfTestReport report = {};
    report.struct_size = sizeof report;
    Check(LnxSelfTest(handle_, &report));
    return report;
  }

 private:
  LnxHandle handle_ = nullptr;
};

// "OK", "NG", "REVIEW", "UNDEFINED".
inline const char* VerdictText(LnxVerdict verdict) {
  switch (verdict) {
    case LNX_VERDICT_OK:
      return "OK";
    case LNX_VERDICT_NG:
      return "NG";
    case LNX_VERDICT_REVIEW:
      return "REVIEW";
    default:
      return "UNDEFINED";
  }
}

}  // namespace lnx

#endif  // LNX_LNX_HPP
