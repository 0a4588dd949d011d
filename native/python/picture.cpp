#include "picture.h"

#include <pybind11/pybind11.h>

#include <cstring>

namespace py = pybind11;

namespace {

// How rows lie in an array of a format.
struct Layout {
  const char* name;
  LnxPixelFormat format;
  char kind;  // of the dtype
  py::ssize_t bytes, channels;
  const char* expected;
};

constexpr const char* kByteMosaic = "uint8 [H, W]";
constexpr const char* kWideMosaic = "uint16 [H, W]";
constexpr Layout kLayouts[] = {
    {"GRAY8", LNX_PIXEL_GRAY8, 'u', 1, 1, "uint8 [H, W]"},
    {"GRAY16", LNX_PIXEL_GRAY16, 'u', 2, 1, "uint16 [H, W]"},
    {"BGR8", LNX_PIXEL_BGR8, 'u', 1, 3, "uint8 [H, W, 3]"},
    {"RGB8", LNX_PIXEL_RGB8, 'u', 1, 3, "uint8 [H, W, 3]"},
    {"BGRA8", LNX_PIXEL_BGRA8, 'u', 1, 4, "uint8 [H, W, 4]"},
    {"RGBA8", LNX_PIXEL_RGBA8, 'u', 1, 4, "uint8 [H, W, 4]"},
    {"GRAY10P", LNX_PIXEL_GRAY10P, 'u', 1, 1, "uint8 [H, bytes of a row]"},
    {"GRAY12P", LNX_PIXEL_GRAY12P, 'u', 1, 1, "uint8 [H, bytes of a row]"},
    {"BAYER_RG8", LNX_PIXEL_BAYER_RG8, 'u', 1, 1, kByteMosaic},
    {"BAYER_BG8", LNX_PIXEL_BAYER_BG8, 'u', 1, 1, kByteMosaic},
    {"BAYER_GR8", LNX_PIXEL_BAYER_GR8, 'u', 1, 1, kByteMosaic},
    {"BAYER_GB8", LNX_PIXEL_BAYER_GB8, 'u', 1, 1, kByteMosaic},
    {"BAYER_RG16", LNX_PIXEL_BAYER_RG16, 'u', 2, 1, kWideMosaic},
    {"BAYER_BG16", LNX_PIXEL_BAYER_BG16, 'u', 2, 1, kWideMosaic},
    {"BAYER_GR16", LNX_PIXEL_BAYER_GR16, 'u', 2, 1, kWideMosaic},
    {"BAYER_GB16", LNX_PIXEL_BAYER_GB16, 'u', 2, 1, kWideMosaic},
    {"NV12", LNX_PIXEL_NV12, 'u', 1, 1, "uint8 [H * 3 / 2, W]"},
    {"F32_PLANAR", LNX_PIXEL_F32_PLANAR, 'f', 4, 1, "float32 [3, H, W], red first, 0..1"},
    {"F32_GRAY", LNX_PIXEL_F32_GRAY, 'f', 4, 1, "float32 [H, W], 0..1"},
};

[[noreturn]] void Refuse(const std::string& found, const std::string& expected) {
  const py::object type = py::module_::import("lnx.errors").attr("LnxError");
  const py::object error = type(static_cast<int>(LNX_E_IMAGE_FORMAT), py::arg("found") = found, py::arg("expected") = expected,
                                py::arg("where") = "image");
  PyErr_SetObject(type.ptr(), error.ptr());
  throw py::error_already_set();
}

std::string Shown(const py::array& array) {
  std::string shape;
  for (py::ssize_t i = 0; i < array.ndim(); ++i) shape += (i ? ", " : "") + std::to_string(array.shape(i));
  return "array of " + std::string(py::str(array.dtype())) + " [" + shape + "]";
}

bool Fits(const Layout& layout, const py::array& array) {
  if (array.dtype().kind() != layout.kind || array.itemsize() != layout.bytes) return false;
  if (layout.format == LNX_PIXEL_F32_PLANAR) return array.ndim() == 3 && array.shape(0) == 3;
  if (layout.format == LNX_PIXEL_NV12) return array.ndim() == 2 && array.shape(0) % 3 == 0;
  if (layout.channels == 1 && array.ndim() == 2) return true;
  return array.ndim() == 3 && array.shape(2) == layout.channels && layout.bytes <= 2;
}

const Layout& LayoutOf(const std::string& name, const py::array& array) {
  if (name.empty()) {
    for (const char* usual : {"GRAY8", "BGR8", "BGRA8", "GRAY16"}) {
      for (const Layout& layout : kLayouts) {
        if (std::strcmp(layout.name, usual) == 0 && Fits(layout, array)) return layout;
      }
    }
    Refuse(Shown(array), "uint8 [H, W], [H, W, 3] (BGR) or [H, W, 4] (BGRA), or uint16 [H, W]; others with pixel_format");
  }
  for (const Layout& layout : kLayouts) {
    if (name != layout.name) continue;
    if (!Fits(layout, array)) Refuse(Shown(array), name + ": " + layout.expected);
    return layout;
  }
  std::string known;
  for (const Layout& layout : kLayouts) known += std::string(known.empty() ? "" : ", ") + layout.name;
  Refuse("pixel_format \"" + name + "\"", known);
}

// Pixels of a row must lie side by side; rows may be anywhere, also upside down. Planes must follow each other.
bool SideBySide(const Layout& layout, const py::array& array) {
  if (layout.format == LNX_PIXEL_F32_PLANAR)
    return array.strides(2) == 4 && array.strides(1) > 0 && array.strides(0) == array.strides(1) * array.shape(1);
  if (layout.format == LNX_PIXEL_NV12 && array.strides(0) <= 0) return false;
  const bool channels = array.ndim() == 2 || array.strides(2) == array.itemsize();
  return channels && array.strides(1) == array.itemsize() * layout.channels;
}

}  // namespace

Picture Borrow(const py::array& given, const PixelNote& note, const py::tuple& roi, uint64_t tag) {
  py::array array = given;
  const Layout& layout = LayoutOf(note.first, array);
  if (!SideBySide(layout, array) && array.size() > 0) array = py::array::ensure(array.attr("copy")("C"));
  const bool planar = layout.format == LNX_PIXEL_F32_PLANAR;
  py::ssize_t width = array.shape(planar ? 2 : 1), height = array.shape(planar ? 1 : 0);
  if (layout.format == LNX_PIXEL_NV12) height = height / 3 * 2;
  if (layout.format == LNX_PIXEL_GRAY10P) width = width * 8 / 10;
  if (layout.format == LNX_PIXEL_GRAY12P) width = width * 8 / 12;
  Picture picture{array, {}};
  LnxImageInit(&picture.image, array.data(), static_cast<int32_t>(width), static_cast<int32_t>(height), 0, layout.format);
  picture.image.stride_bytes = array.strides(planar ? 1 : 0);
  picture.image.valid_bits = note.second;
  picture.image.user_tag = tag;
  if (roi.size() == 4)
    picture.image.roi = {roi[0].cast<int32_t>(), roi[1].cast<int32_t>(), roi[2].cast<int32_t>(), roi[3].cast<int32_t>()};
  return picture;
}
