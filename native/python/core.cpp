// lnx._core: the C ABI for Python. Pixels are borrowed, the GIL is released while the core works, results are kept alive by their
// object. The classes people use are in sdk/lnx/session.py and result.py.
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "core_result.h"
#include "core_status.h"
#include "lnx/lnx.h"
#include "picture.h"

namespace py = pybind11;

namespace {

struct ProgressTarget {
  py::object function;
};

int32_t LNX_CALL ForwardProgress(const char* stage, double fraction, void* user) {
  const py::gil_scoped_acquire gil;
  auto* target = static_cast<ProgressTarget*>(user);
  try {
    const py::object answer = target->function(stage, fraction);
    return !answer.is_none() && !answer.cast<bool>() ? 1 : 0;  // False cancels
  } catch (py::error_already_set& error) {
    error.restore();
    return 1;
  }
}

py::dict LicenseDict(const LnxLicenseInfo& info) {
  static const char* const names[] = {"none", "starting", "ok", "grace", "blocked"};
  py::dict d;
  d["phase"] = info.phase;
  d["phase_name"] = info.phase <= LNX_LICENSE_BLOCKED ? names[info.phase] : "unknown";
  d["status"] = info.status;
  d["reason"] = std::string(info.reason);
  d["grace_seconds_left"] = info.grace_seconds_left;
  d["license_id"] = std::string(info.license_id);
  d["customer"] = std::string(info.customer);
  d["evaluation"] = info.evaluation != 0;
  d["expires_unix"] = info.expires_unix != 0 ? py::object(py::int_(info.expires_unix)) : py::object(py::none());
  d["warning"] = std::string(info.warning);
  return d;
}

// An error in the caller's function is shown as Python shows errors of threads; the session goes on.
void LNX_CALL ForwardLicense(const LnxLicenseInfo* info, void* user) {
  const py::gil_scoped_acquire gil;
  auto* target = static_cast<ProgressTarget*>(user);
  try {
    target->function(LicenseDict(*info));
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable("on_license");
  }
}

class Session {
 public:
  Session(const std::string& path, const py::dict& o) {
    LnxInitOptions options;
    LnxInitOptionsInit(&options);
    const auto text = [&](const char* key, std::string* keep) -> const char* {
      if (!o.contains(key) || o[key].is_none()) return nullptr;
      *keep = o[key].cast<std::string>();
      return keep->c_str();
    };
    std::string device, runtime_dir, key_file, program, license_file;
    options.device = text("device", &device);
    options.runtime_dir = text("runtime_dir", &runtime_dir);
    options.key_file = text("key_file", &key_file);
    options.program = text("program", &program);
    options.license_file = text("license_file", &license_file);
    options.license_wait_ms = o["license_wait_ms"].cast<uint32_t>();
    license_target_.function = o["on_license"];
    if (!license_target_.function.is_none()) {
      options.license_changed = ForwardLicense;
      options.license_user = &license_target_;
    }
    const auto trusted = o["trusted_keys"].cast<std::vector<std::string>>();
    std::vector<const char*> pointers;
    for (const std::string& key : trusted) pointers.push_back(key.c_str());
    options.trusted_keys = pointers.data();
    options.trusted_key_count = static_cast<uint32_t>(pointers.size());
    const auto number = [&](const char* key) { return o[key].cast<uint32_t>(); };
    options.allow_cpu_fallback = number("allow_cpu_fallback");
    options.cpu_threads = number("cpu_threads");
    options.run_slots = number("run_slots");
    options.queue_depth = number("queue_depth");
    options.max_batch = number("max_batch");
    options.want = number("want");
    options.events = number("no_events");
    if (!o["threshold"].is_none()) options.threshold = o["threshold"].cast<double>();
    if (!o["guard_band"].is_none()) options.guard_band = o["guard_band"].cast<double>();
    if (!o["min_area_px"].is_none()) options.min_area_px = o["min_area_px"].cast<double>();
    options.gpu_keep_warm_ms = number("gpu_keep_warm_ms");
    options.keep_warm_minutes = number("keep_warm_minutes");
    options.submit_batch = number("submit_batch");
    options.uint8_heads = number("uint8_heads");
    options.gpu_graph = number("no_gpu_graph");
    options.gpu_preprocess = number("gpu_preprocess");
    options.gpu_memory_mb = number("gpu_memory_mb");
    options.gpu_tf32 = number("no_tf32");
    options.warm_up_width = number("warm_up_width");
    options.warm_up_height = number("warm_up_height");
    options.tile_width = number("tile_width");
    options.tile_height = number("tile_height");
    if (!o["tile_overlap"].is_none()) options.tile_overlap = o["tile_overlap"].cast<double>();
    const auto thresholds = o["class_thresholds"].cast<std::vector<float>>(),
               areas = o["class_min_areas_px"].cast<std::vector<float>>();
    options.class_thresholds = thresholds.data();
    options.class_threshold_count = static_cast<uint32_t>(thresholds.size());
    options.class_min_areas_px = areas.data();
    options.class_min_area_count = static_cast<uint32_t>(areas.size());
    ProgressTarget progress{o["progress"]};
    if (!progress.function.is_none()) {
      options.progress = ForwardProgress;
      options.progress_user = &progress;
    }
    LnxStatus status;
    {
      const py::gil_scoped_release release;
      status = LnxInitialize(path.c_str(), &options, &handle_);
    }
    Check(status);
  }
  ~Session() { Close(); }

  void Close() {
    const py::gil_scoped_release release;
    LnxUninitialize(&handle_);
    handle_ = nullptr;
  }

  std::unique_ptr<Result> Run(const std::vector<py::array>& arrays, const PixelNote& note, const py::tuple& roi, uint64_t tag,
                              const py::dict& o) {
    const std::vector<Picture> pictures = BorrowAll(arrays, note, roi, tag);
    std::vector<LnxImage> images;
    for (const Picture& picture : pictures) images.push_back(picture.image);
    PerClass per_class;
    const LnxRunOptions options = Options(o, &per_class);
    LnxResult result = nullptr;
    LnxStatus status;
    {
      const py::gil_scoped_release release;
      status = LnxRun(handle_, images.data(), static_cast<uint32_t>(images.size()), &options, &result);
    }
    Check(status);
    return std::make_unique<Result>(result);
  }

  std::unique_ptr<Result> RunRois(const py::array& array, const PixelNote& note, const std::vector<std::array<int32_t, 4>>& boxes,
                                  uint64_t tag, const py::dict& o) {
    const Picture picture = Borrow(array, note, py::tuple(), tag);
    std::vector<LnxRect> rois;
    for (const auto& box : boxes) rois.push_back({box[0], box[1], box[2], box[3]});
    PerClass per_class;
    const LnxRunOptions options = Options(o, &per_class);
    LnxResult result = nullptr;
    LnxStatus status;
    {
      const py::gil_scoped_release release;
      status = LnxRunRois(handle_, &picture.image, rois.data(), static_cast<uint32_t>(rois.size()), &options, &result);
    }
    Check(status);
    return std::make_unique<Result>(result);
  }

  // The arrays are returned too: the caller keeps them until the ticket was waited for.
  py::tuple Submit(const std::vector<py::array>& arrays, const PixelNote& note, const py::tuple& roi, uint64_t tag,
                   const py::dict& o) {
    const std::vector<Picture> pictures = BorrowAll(arrays, note, roi, tag);
    std::vector<LnxImage> images;
    py::list keep;
    for (const Picture& picture : pictures) {
      images.push_back(picture.image);
      keep.append(picture.array);
    }
    PerClass per_class;
    const LnxRunOptions options = Options(o, &per_class);
    LnxTicket ticket = 0;
    Check(LnxSubmit(handle_, images.data(), static_cast<uint32_t>(images.size()), &options, &ticket));
    return py::make_tuple(ticket, keep);
  }

  std::unique_ptr<Result> Wait(uint64_t ticket, const py::object& timeout_s) {
    uint32_t timeout = std::numeric_limits<uint32_t>::max();
    if (!timeout_s.is_none()) timeout = static_cast<uint32_t>(std::min(timeout_s.cast<double>() * 1000.0, 4.0e9));
    LnxResult result = nullptr;
    LnxStatus status;
    {
      const py::gil_scoped_release release;
      status = LnxWait(handle_, ticket, timeout, &result);
    }
    Check(status);
    return std::make_unique<Result>(result);
  }

  void SetParam(const std::string& key, double number) {
    LnxValue value = {};
    value.struct_size = sizeof value;
    value.type = LNX_VALUE_FLOAT;
    value.f = number;
    Check(LnxSetParam(handle_, key.c_str(), &value));
  }
  double GetParam(const std::string& key) const {
    LnxValue value = {};
    value.struct_size = sizeof value;
    Check(LnxGetParam(handle_, key.c_str(), &value));
    return value.f;
  }
  std::string Describe() const {
    uint32_t needed = 0;
    Check(LnxDescribeModel(handle_, nullptr, 0, &needed));
    std::string text(needed, '\0');
    Check(LnxDescribeModel(handle_, &text[0], needed, &needed));
    text.resize(needed - 1);
    return text;
  }
  py::dict SelfTest() {
    LnxSelfTestReport r = {};
    r.struct_size = sizeof r;
    LnxStatus status;
    {
      const py::gil_scoped_release release;
      status = LnxSelfTest(handle_, &r);
    }
    if (status != LNX_OK && status != LNX_E_SELFTEST_FAILED) Raise();
    py::dict d;
    d["golden_count"] = r.golden_count;
    d["passed"] = r.passed != 0;
    d["pre_max_error"] = r.pre_max_error;
    d["model_max_error"] = r.model_max_error;
    d["post_max_error"] = r.post_max_error;
    d["pre_tolerance"] = r.pre_tolerance;
    d["model_tolerance"] = r.model_tolerance;
    d["post_tolerance"] = r.post_tolerance;
    return d;
  }
  py::dict License() const {
    LnxLicenseInfo info = {};
    info.struct_size = sizeof info;
    Check(LnxLicenseState(handle_, &info));
    return LicenseDict(info);
  }
  std::string Features() const {
    uint32_t needed = 0;
    Check(LnxLicenseFeatures(handle_, nullptr, 0, &needed));
    std::string text(needed, '\0');
    Check(LnxLicenseFeatures(handle_, &text[0], needed, &needed));
    text.resize(needed - 1);
    return text;
  }

 private:
  // What a recording keeps of one image: pixels without padding, size, format, bits, part.
  using Recorded = std::tuple<py::bytes, int32_t, int32_t, uint32_t, uint32_t, std::array<int32_t, 4>>;

 public:
  // As one run, however they came: `parts` when they are parts of one picture.
  std::unique_ptr<Result> RunAsRecorded(const std::vector<Recorded>& pictures, bool parts) {
    std::vector<LnxImage> images;
    std::vector<LnxRect> rois;
    for (const auto& [pixels, width, height, format, bits, roi] : pictures) {
      LnxImage image;
      LnxImageInit(&image, PyBytes_AS_STRING(pixels.ptr()), width, height, 0, format);
      image.valid_bits = bits;
      image.roi = {roi[0], roi[1], roi[2], roi[3]};
      images.push_back(image);
      rois.push_back(image.roi);
    }
    LnxResult result = nullptr;
    LnxStatus status;
    {
      const py::gil_scoped_release release;
      const auto n = static_cast<uint32_t>(images.size());
      status = parts ? LnxRunRois(handle_, images.data(), rois.data(), n, nullptr, &result)
                     : LnxRun(handle_, images.data(), n, nullptr, &result);
    }
    Check(status);
    return std::make_unique<Result>(result);
  }

  void RecordStart(const std::string& folder, const std::string& key_file, uint32_t runs, uint32_t save_on, uint64_t memory,
                   uint64_t disk) {
    LnxRecordOptions options;
    LnxRecordOptionsInit(&options);
    options.folder = folder.c_str();
    options.key_file = key_file.c_str();
    options.runs = runs;
    options.save_on = save_on;
    options.max_memory_bytes = memory;
    options.max_folder_bytes = disk;
    LnxStatus status;
    {
      const py::gil_scoped_release release;
      status = LnxRecordStart(handle_, &options);
    }
    Check(status);
  }
  std::string RecordSave(const std::string& reason) {
    char path[LNX_RECORD_PATH_BYTES] = {};
    LnxStatus status;
    {
      const py::gil_scoped_release release;
      status = LnxRecordSave(handle_, reason.c_str(), path, sizeof path);
    }
    Check(status);
    return path;
  }
  py::dict RecordState() const {
    LnxRecordInfo info = {};
    info.struct_size = sizeof info;
    Check(LnxRecordState(handle_, &info));
    py::dict d;
    d["active"] = info.active != 0;
    d["runs_kept"] = info.runs_kept;
    d["runs_saved"] = info.runs_saved;
    d["runs_skipped"] = info.runs_skipped;
    d["files_saved"] = info.files_saved;
    d["files_failed"] = info.files_failed;
    d["last_error"] = std::string(info.last_error);
    return d;
  }
  void RecordStop() {
    LnxStatus status;
    {
      const py::gil_scoped_release release;
      status = LnxRecordStop(handle_);
    }
    Check(status);
  }

 private:
  static std::vector<Picture> BorrowAll(const std::vector<py::array>& arrays, const PixelNote& note, const py::tuple& roi,
                                        uint64_t tag) {
    std::vector<Picture> pictures;
    for (const py::array& array : arrays) pictures.push_back(Borrow(array, note, roi, tag));
    return pictures;
  }
  // What a run's options point to while it is handed over.
  struct PerClass {
    std::vector<float> thresholds, min_areas_px;
  };
  static LnxRunOptions Options(const py::dict& o, PerClass* per_class) {
    LnxRunOptions options;
    LnxRunOptionsInit(&options);
    const auto given = [&](const char* key) { return o.contains(key) && !o[key].is_none(); };
    if (given("threshold")) options.threshold = o["threshold"].cast<double>();
    if (given("guard_band")) options.guard_band = o["guard_band"].cast<double>();
    if (given("min_area_px")) options.min_area_px = o["min_area_px"].cast<double>();
    if (given("max_objects")) options.max_objects = o["max_objects"].cast<uint32_t>();
    if (given("top_k")) options.top_k = o["top_k"].cast<uint32_t>();
    if (given("deadline_ms")) options.deadline_ms = o["deadline_ms"].cast<uint32_t>();
    if (given("source")) options.source = o["source"].cast<uint32_t>();
    if (given("want")) options.want = o["want"].cast<uint32_t>();
    if (given("class_thresholds")) {
      per_class->thresholds = o["class_thresholds"].cast<std::vector<float>>();
      options.class_thresholds = per_class->thresholds.data();
      options.class_threshold_count = static_cast<uint32_t>(per_class->thresholds.size());
    }
    if (given("class_min_areas_px")) {
      per_class->min_areas_px = o["class_min_areas_px"].cast<std::vector<float>>();
      options.class_min_areas_px = per_class->min_areas_px.data();
      options.class_min_area_count = static_cast<uint32_t>(per_class->min_areas_px.size());
    }
    return options;
  }

  ProgressTarget license_target_;  // outlives the handle
  LnxHandle handle_ = nullptr;
};

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "The native core of LNX Edge. Use lnx.Session.";
  py::class_<Result>(m, "Result")
      .def("count", &Result::Count)
      .def("summary", &Result::Summary)
      .def("classes", &Result::Classes)
      .def("objects", &Result::Objects)
      .def("regions", &Result::Regions)
      .def("texts", &Result::Texts)
      .def("plane", &Result::Plane)
      .def("json", &Result::Json)
      .def("digest", &Result::Digest)
      .def("draw", &Result::Draw);
  py::class_<Session>(m, "Session")
      .def(py::init<const std::string&, const py::dict&>())
      .def("close", &Session::Close)
      .def("run", &Session::Run)
      .def("run_rois", &Session::RunRois)
      .def("submit", &Session::Submit)
      .def("wait", &Session::Wait)
      .def("set_param", &Session::SetParam)
      .def("get_param", &Session::GetParam)
      .def("describe", &Session::Describe)
      .def("self_test", &Session::SelfTest)
      .def("license", &Session::License)
      .def("features", &Session::Features)
      .def("record_start", &Session::RecordStart)
      .def("record_save", &Session::RecordSave)
      .def("record_state", &Session::RecordState)
      .def("record_stop", &Session::RecordStop)
      .def("run_as_recorded", &Session::RunAsRecorded);
  m.def("describe_environment", [](const std::string& runtime_dir) {
    uint32_t needed = 0;
    Check(LnxDescribeEnvironment(runtime_dir.c_str(), nullptr, 0, &needed));
    std::string text(needed + 4096, '\0');
    Check(LnxDescribeEnvironment(runtime_dir.c_str(), &text[0], static_cast<uint32_t>(text.size()), &needed));
    text.resize(needed - 1);
    return text;
  });
  m.def("version", [] {
    LnxVersionInfo info = {};
    info.struct_size = sizeof info;
    Check(LnxGetVersion(&info));
    py::dict d;
    d["sdk"] = info.sdk;
    d["abi"] = py::make_tuple(info.abi_major, info.abi_minor);
    d["build"] = info.build;
    d["runtime_version"] = info.runtime_version;
    d["runtime_path"] = info.runtime_path;
    return d;
  });
}
