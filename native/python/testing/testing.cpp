// Opens the container reader, the manifest parser and the preprocessing to the Python tests, which hold them against other
// people's code.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "base/status.h"
#include "container/container.h"
#include "crypto/hpke.h"
#include "image/camera.h"
#include "image/image.h"
#include "manifest/manifest.h"
#include "runtime/graph_form.h"
#include "testing/rooms.h"

namespace py = pybind11;

namespace {

lnx::container::TrustStore Trust(const std::string& point) {
  lnx::container::TrustStore trust;
  lnx::container::TrustedKey key{{}, "test"};
  std::memcpy(key.point.data(), point.data(), key.point.size());
  trust.keys.push_back(key);
  return trust;
}

lnx::Bytes AsBytes(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

// 0, or the status with which the reader refuses.
int Status(const std::string& file, const lnx::container::TrustStore& trust, const lnx::container::KeyRing& keys) {
  try {
    const auto container = lnx::container::Container::Open(AsBytes(file), "test", trust, keys);
    for (const auto& entry : container.entries()) container.Read(entry.name);
    return 0;
  } catch (const lnx::Error& error) {
    return error.status();
  }
}

int OpenStatus(const py::bytes& file, const py::bytes& point, const std::string& kid, const py::bytes& key) {
  lnx::container::KeyRing ring;
  const std::string raw = key;
  if (!raw.empty()) {
    lnx::container::FamilyKey family{kid, {}};
    std::memcpy(family.key.data(), raw.data(), family.key.size());
    ring.families.push_back(family);
  }
  return Status(file, Trust(point), ring);
}

std::vector<int> FlipStatuses(const py::bytes& file, const py::bytes& point) {
  std::string content = file;
  const lnx::container::TrustStore trust = Trust(point);
  const lnx::container::KeyRing none;
  std::vector<int> statuses;
  const py::gil_scoped_release release;
  for (size_t bit = 0; bit < content.size() * 8; ++bit) {
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << (bit % 8)));
    statuses.push_back(Status(content, trust, none));
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << (bit % 8)));
  }
  return statuses;
}

std::vector<int> TruncationStatuses(const py::bytes& file, const py::bytes& point) {
  const std::string content = file;
  const lnx::container::TrustStore trust = Trust(point);
  std::vector<int> statuses;
  for (size_t n = 0; n < content.size(); ++n) statuses.push_back(Status(content.substr(0, n), trust, {}));
  return statuses;
}

py::tuple ParseManifest(const std::string& text) {
  try {
    lnx::manifest::Parse(AsBytes(text), "test");
    return py::make_tuple(0, "");
  } catch (const lnx::Error& error) {
    return py::make_tuple(error.status(), error.finding().where);
  }
}

// A camera picture developed by the core: rows of the array under each other, planes too. Returns (status or 0, pixels, width,
// height, format).
py::tuple DevelopPicture(const py::array& rows, const std::string& format, int width, int height, int valid_bits,
                         const py::tuple& window, const py::tuple& roi, bool fast) {
  LnxImage given{};
  given.struct_size = sizeof given;
  given.data = rows.data();
  given.width = width;
  given.height = height;
  given.stride_bytes = rows.strides(0);
  given.valid_bits = static_cast<uint32_t>(valid_bits);
  for (LnxPixelFormat candidate = 1; candidate < 64; ++candidate) {
    if (format == lnx::image::FormatName(candidate)) given.pixel_format = candidate;
  }
  if (roi.size() == 4)
    given.roi = {roi[0].cast<int32_t>(), roi[1].cast<int32_t>(), roi[2].cast<int32_t>(), roi[3].cast<int32_t>()};
  lnx::manifest::Window limits;
  if (window.size() == 2) limits = {window[0].cast<uint32_t>(), window[1].cast<uint32_t>()};
  const lnx::manifest::Window* chosen = window.size() == 2 ? &limits : nullptr;
  lnx::image::Developed developed;
  try {
    LnxRect part;
    const lnx::image::View view = lnx::image::CheckImage(given, &part);
    const lnx::image::View out =
        fast ? lnx::image::Develop(view, chosen, &developed) : lnx::image::DevelopReference(view, chosen, &developed);
    const auto* bytes = reinterpret_cast<const char*>(out.data);
    return py::make_tuple(0, py::bytes(bytes, static_cast<size_t>(out.stride) * static_cast<size_t>(out.height)), out.width,
                          out.height, lnx::image::FormatName(out.format));
  } catch (const lnx::Error& error) {
    return py::make_tuple(error.status(), py::bytes(), 0, 0, error.finding().where);
  }
}

py::tuple Preprocess(const std::string& manifest_text, const py::array& image, const std::string& format, const py::tuple& roi,
                     bool fast) {
  const lnx::manifest::Manifest manifest = lnx::manifest::Parse(AsBytes(manifest_text), "test");
  const lnx::manifest::TensorSpec& input = manifest.graphs[0].inputs[0];
  const auto pipeline = lnx::image::Pipeline::Compile(manifest, input);
  LnxImage given{};
  given.struct_size = sizeof given;
  given.data = image.data();
  given.width = static_cast<int32_t>(image.shape(1));
  given.height = static_cast<int32_t>(image.shape(0));
  given.stride_bytes = image.strides(0);
  for (const LnxPixelFormat candidate :
       {LNX_PIXEL_GRAY8, LNX_PIXEL_GRAY16, LNX_PIXEL_BGR8, LNX_PIXEL_RGB8, LNX_PIXEL_BGRA8, LNX_PIXEL_RGBA8}) {
    if (format == lnx::image::FormatName(candidate)) given.pixel_format = candidate;
  }
  if (roi.size() == 4)
    given.roi = {roi[0].cast<int32_t>(), roi[1].cast<int32_t>(), roi[2].cast<int32_t>(), roi[3].cast<int32_t>()};
  LnxRect part;
  const lnx::image::View view = lnx::image::CheckImage(given, &part);
  lnx::image::Geometry g;
  lnx::image::Scratch scratch;
  py::array_t<uint8_t> tensor(static_cast<py::ssize_t>(pipeline.TensorBytes()));
  if (fast) {
    pipeline.Run(view, part, given.width, given.height, tensor.mutable_data(), &scratch, &g);
  } else {
    pipeline.RunReference(view, part, given.width, given.height, tensor.mutable_data(), &g);
  }
  return py::make_tuple(tensor, py::make_tuple(g.scale_x, g.scale_y, g.origin_x, g.origin_y),
                        py::make_tuple(g.content_x, g.content_y, g.content_width, g.content_height), pipeline.Path());
}

// Microseconds of `runs` preprocessings, buffers reused as in a session.
std::vector<double> TimePreprocess(const std::string& manifest_text, const py::array& image, int runs) {
  const lnx::manifest::Manifest manifest = lnx::manifest::Parse(AsBytes(manifest_text), "benchmark");
  const auto pipeline = lnx::image::Pipeline::Compile(manifest, manifest.graphs[0].inputs[0]);
  LnxImage given{};
  given.struct_size = sizeof given;
  given.data = image.data();
  given.width = static_cast<int32_t>(image.shape(1));
  given.height = static_cast<int32_t>(image.shape(0));
  given.stride_bytes = image.strides(0);
  given.pixel_format = image.ndim() == 2 ? LNX_PIXEL_GRAY8 : LNX_PIXEL_BGR8;
  LnxRect part;
  const lnx::image::View view = lnx::image::CheckImage(given, &part);
  lnx::image::Geometry geometry;
  lnx::image::Scratch scratch;
  std::vector<float> tensor(pipeline.TensorBytes() / 4);
  std::vector<double> micros;
  for (int i = 0; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    pipeline.Run(view, part, given.width, given.height, tensor.data(), &scratch, &geometry);
    micros.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  return micros;
}

// Seconds to read, verify and decrypt a file.
double TimeOpen(const std::string& path, const py::bytes& point) {
  const lnx::container::TrustStore trust = Trust(point);
  const auto begin = std::chrono::steady_clock::now();
  const auto container = lnx::container::Container::Open(path, trust, {});
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

py::tuple HpkeSeal(const std::string& recipient, const std::string& info, const std::string& aad, const std::string& plain) {
  const auto sealed = lnx::crypto::HpkeSeal(AsBytes(recipient), AsBytes(info), AsBytes(aad), AsBytes(plain));
  return py::make_tuple(py::bytes(reinterpret_cast<const char*>(sealed.enc.data()), sealed.enc.size()),
                        py::bytes(reinterpret_cast<const char*>(sealed.ciphertext.data()), sealed.ciphertext.size()));
}

// None when it does not open.
py::object HpkeOpen(const std::string& secret, const std::string& point, const std::string& enc, const std::string& info,
                    const std::string& aad, const std::string& ciphertext) {
  lnx::crypto::P256KeyPair own;
  std::memcpy(own.secret.data(), secret.data(), own.secret.size());
  std::memcpy(own.point.data(), point.data(), own.point.size());
  std::string plain(ciphertext.size() < 16 ? 0 : ciphertext.size() - 16, '\0');
  if (!lnx::crypto::HpkeOpenWith(own, AsBytes(enc), AsBytes(info), AsBytes(aad), AsBytes(ciphertext),
                                 reinterpret_cast<uint8_t*>(plain.data()))) {
    return py::none();
  }
  return py::bytes(plain);
}

// (0, the model in its form for GPUs), or (status, what was found).
py::tuple SpliceForm(const std::string& onnx, const std::string& form) {
  try {
    const lnx::runtime::SecretBytes made = lnx::runtime::SpliceForm(AsBytes(onnx), AsBytes(form));
    return py::make_tuple(0, py::bytes(reinterpret_cast<const char*>(made.bytes().data), made.bytes().size));
  } catch (const lnx::Error& error) {
    return py::make_tuple(error.status(), error.finding().found);
  }
}

}  // namespace

void BindDecode(py::module_& m);
void AddText(py::module_& m);  // text.cpp

PYBIND11_MODULE(lnx_testing, m) {
  BindDecode(m);
  AddText(m);
  m.def("open_status", &OpenStatus);
  m.def("flip_statuses", &FlipStatuses);
  m.def("truncation_statuses", &TruncationStatuses);
  BindTiling(m);
  BindTokens(m);
  m.def("hpke_seal",
        [](const py::bytes& r, const py::bytes& i, const py::bytes& a, const py::bytes& p) { return HpkeSeal(r, i, a, p); });
  m.def("hpke_open", [](const py::bytes& s, const py::bytes& p, const py::bytes& e, const py::bytes& i, const py::bytes& a,
                        const py::bytes& c) { return HpkeOpen(s, p, e, i, a, c); });
  m.def("parse_manifest", &ParseManifest);
  m.def("splice_form", [](const py::bytes& onnx, const py::bytes& form) { return SpliceForm(onnx, form); });
  m.def("develop", &DevelopPicture);
  m.def("preprocess", &Preprocess);
  m.def("time_preprocess", &TimePreprocess);
  m.def("time_open", &TimeOpen);
}
