// Opens the parts of text reading to the Python tests, which hold them against OpenCV.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <vector>

#include "decode/ocr.h"
#include "image/warp.h"

namespace py = pybind11;

namespace {

using Map = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Bytes = py::array_t<uint8_t, py::array::c_style | py::array::forcecast>;
using Points = py::array_t<int32_t, py::array::c_style | py::array::forcecast>;

void ReadQuad(const Map& corners, LnxPointF quad[4]) {
  for (py::ssize_t i = 0; i < 4; ++i) quad[i] = {corners.at(i, 0), corners.at(i, 1)};
}

std::vector<std::vector<std::pair<int, int>>> Hulls(const Bytes& mask) {
  lnx::decode::Outlines outlines;
  outlines.Find(mask.data(), static_cast<int32_t>(mask.shape(1)), static_cast<int32_t>(mask.shape(0)), 100000);
  std::vector<std::vector<std::pair<int, int>>> hulls;
  for (size_t i = 0; i < outlines.size(); ++i) {
    hulls.emplace_back();
    for (const lnx::decode::Pixel& p : outlines.Hull(i)) hulls.back().emplace_back(p.x, p.y);
  }
  return hulls;
}

py::tuple RectangleOf(const Points& points) {
  std::vector<lnx::decode::Pixel> own, hull;
  for (py::ssize_t i = 0; i < points.shape(0); ++i) own.push_back({points.at(i, 0), points.at(i, 1)});
  lnx::decode::ConvexHull(&own, &hull);
  const lnx::decode::Rectangle rectangle = lnx::decode::SmallestRectangle(hull);
  py::list corners;
  for (const LnxPointF& p : rectangle.corner) corners.append(py::make_tuple(p.x, p.y));
  return py::make_tuple(corners, rectangle.shorter);
}

std::vector<std::pair<int, int>> Grown(const Map& corners, double ratio) {
  LnxPointF quad[4];
  ReadQuad(corners, quad);
  std::vector<lnx::decode::Pixel> outline;
  lnx::decode::Grow(quad, ratio, &outline);
  std::vector<std::pair<int, int>> points;
  for (const lnx::decode::Pixel& p : outline) points.emplace_back(p.x, p.y);
  return points;
}

double MeanIn(const Map& map, const Map& corners) {
  LnxPointF quad[4];
  ReadQuad(corners, quad);
  std::vector<int32_t> rows;
  return lnx::decode::MeanInside(map.data(), static_cast<int32_t>(map.shape(1)), static_cast<int32_t>(map.shape(0)), quad, &rows);
}

py::array Upright(const Bytes& picture, const Map& corners) {
  lnx::image::View view;
  const bool colour = picture.ndim() == 3;
  view.data = picture.data();
  view.width = static_cast<int32_t>(picture.shape(1));
  view.height = static_cast<int32_t>(picture.shape(0));
  view.stride = picture.strides(0);
  view.format = colour ? LNX_PIXEL_BGR8 : LNX_PIXEL_GRAY8;
  LnxPointF quad[4];
  ReadQuad(corners, quad);
  int32_t width = 0, height = 0;
  lnx::image::UprightSize(quad, &width, &height);
  lnx::image::Perspective map;
  lnx::image::RectangleToQuad(quad, width, height, &map);
  std::vector<uint8_t> pixels;
  const lnx::image::View out = lnx::image::Warp(view, map, width, height, &pixels);
  std::vector<py::ssize_t> shape = {out.height, out.width};
  if (colour) shape.push_back(3);
  return py::array_t<uint8_t>(shape, pixels.data());
}

}  // namespace

void AddText(py::module_& m) {
  m.def("text_hulls", &Hulls, "hulls of the outlines of a mask, last found first");
  m.def("text_rectangle", &RectangleOf, "corners of the smallest rectangle around points, and its shorter side");
  m.def("text_grow", &Grown, "the outline of a quadrilateral, grown");
  m.def("text_mean", &MeanIn, "mean of a map inside a quadrilateral");
  m.def("text_upright", &Upright, "a quadrilateral cut out upright");
}
