// From what was read to the texts of a result: characters, their boxes, the line's corners in the image. Internal to session/.
#pragma once

#include "decode/ocr.h"
#include "image/warp.h"
#include "result/result.h"

namespace lnx::session {

// How a column of the reader leads back to the image.
struct CharacterPlan {
  int64_t columns = 0;                            // of the reader's output
  double line_columns = 0;                        // those that the line covers; the rest is padding
  int32_t picture_width = 0, picture_height = 0;  // of the line as it was read
  bool tall = false, turned = false;              // it was turned left, turned around
  const image::Perspective* map = nullptr;        // from the upright picture to the searched one
  double factor_x = 1, factor_y = 1;              // from the searched picture to the part
  int32_t band = 0;                               // black rows above it
  LnxRect part{};                                 // of the image
};

LnxText MakeText(const decode::Reading& reading, const decode::Dictionary& dictionary, const CharacterPlan& plan,
                 const decode::TextLine& line, std::vector<int32_t>* gaps, result::Arena& arena);

bool IsBlank(const char* text);  // nothing but white space of Unicode

}  // namespace lnx::session
