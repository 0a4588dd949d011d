// Cuts a quadrilateral out of a picture as an upright one, the way cv::getPerspectiveTransform and cv::warpPerspective do it
// (cubic, borders repeated, fixed point), and turns pictures.
#pragma once

#include <cstdint>
#include <vector>

#include "image/image.h"

namespace lnx::image {

struct Perspective {  // row-major 3 x 3
  double m[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  void Apply(double x, double y, double* out_x, double* out_y) const;
};

// Leads the corners (0, 0), (width, 0), (width, height), (0, height) to the quad's four corners. False when the quad is
// degenerate.
bool RectangleToQuad(const LnxPointF quad[4], double width, double height, Perspective* map);

// Size of the upright picture of a quad: its longer opposite sides, whole pixels (at least 1).
void UprightSize(const LnxPointF quad[4], int32_t* width, int32_t* height);

// `map` leads from the new picture to `in`, an 8-bit view of one or three channels. Rows of the result lie side by side in
// `pixels`.
View Warp(const View& in, const Perspective& map, int32_t width, int32_t height, std::vector<uint8_t>* pixels);

View TurnLeft(const View& in, std::vector<uint8_t>* pixels);  // by 90 degrees, against the clock
void TurnAround(View* in);                                    // by 180 degrees, in place; the view owns its pixels

}  // namespace lnx::image
