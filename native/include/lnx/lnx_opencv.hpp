// cv::Mat in, cv::Mat out. Needs OpenCV's core module only; pixels are never copied, submatrices and padded rows included.
#ifndef LNX_LNX_OPENCV_HPP
#define LNX_LNX_OPENCV_HPP

#include <opencv2/core.hpp>

#include "lnx.hpp"

namespace lnx {

// Borrows a matrix: CV_8UC1, CV_16UC1, CV_8UC3 (BGR) or CV_8UC4 (BGRA). The matrix must outlive the run.
inline Image FromMat(const cv::Mat& mat) {
  LnxPixelFormat format = LNX_PIXEL_UNKNOWN;
  switch (mat.type()) {
    case CV_8UC1:
      format = LNX_PIXEL_GRAY8;
      break;
    case CV_16UC1:
      format = LNX_PIXEL_GRAY16;
      break;
    case CV_8UC3:
      format = LNX_PIXEL_BGR8;
      break;
    case CV_8UC4:
      format = LNX_PIXEL_BGRA8;
      break;
    default:
      break;  // LnxRun answers LNX_E_IMAGE_FORMAT
  }
  return Image(mat.data, mat.cols, mat.rows, format, static_cast<int64_t>(mat.step[0]));
}

// A picture of the result over `background` (the image that was run), as CV_8UC3.
inline cv::Mat Draw(const Result& result, const cv::Mat& background, uint32_t i = 0, const LnxDrawStyle* style = nullptr) {
  cv::Mat canvas(background.rows, background.cols, CV_8UC3);
  const Image from = FromMat(background);
  result.Draw(FromMat(canvas), &from, i, style);
  return canvas;
}

// Wraps a plane of the result without copying; it lives as long as the result. CV_8UC1 or CV_32FC1.
inline cv::Mat ToMat(const LnxPlane& plane) {
  int type = CV_8UC1;
  if (plane.pixel_format == LNX_PIXEL_F32_GRAY) type = CV_32FC1;
  if (plane.pixel_format == LNX_PIXEL_BGR8) type = CV_8UC3;
  return cv::Mat(plane.height, plane.width, type, const_cast<void*>(plane.data), static_cast<size_t>(plane.stride_bytes));
}

}  // namespace lnx

#endif  // LNX_LNX_OPENCV_HPP
