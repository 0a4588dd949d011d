// What reading text needs: a graph that finds lines, one that tells which way up they are, and one that reads them.
//
// {"kind":"ocr",
//  "bounds":{"min_side":30,"max_side":2000}, "padding":{"ratio":8,"min_height":30},
//  "detector":{"limit":"min","side":736,"threshold":0.3,"box_threshold":0.5,"unclip":1.6,"max_candidates":1000,"dilate":true,
//              "line_gap":10,"line_rule":"neighbour"},
//  "angle":{"graph":"angle","size":[192,48],"threshold":0.9,"batch":6},
//  "reader":{"graph":"reader","size":[320,48],"batch":6,"widths":[],"dictionary":"dictionary.txt","space":true}}
//
// The detector is the first graph. The `pre` of each graph holds colour, cast, scale, normalize and layout only: sizes follow
// from here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lnx::manifest {

struct OcrDecode {
  // Images are brought inside these sides first, to multiples of 32.
  int32_t min_side = 30, max_side = 2000;
  // Very wide or low images get black bands above and below; ratio <= 0: never because of the ratio.
  double pad_ratio = 8;
  int32_t pad_height = 30;

  struct Detector {         // differentiable binarisation: a probability per pixel
    bool limit_min = true;  // "min": the short side grows to `side`; "max": the long side shrinks to it
    int32_t side = 736;
    double threshold = 0.3, box_threshold = 0.5, unclip = 1.6;
    uint32_t max_candidates = 1000;
    bool dilate = true;
    int32_t line_gap = 10;  // tops nearer than this are one line, read from left to right
    bool chain = false;     // "line_rule": "neighbour" compares with the line before only; "chain" groups by gaps
  } detector;

  struct Angle {
    std::string graph;  // "" = none
    int32_t width = 192, height = 48;
    double threshold = 0.9;  // above it a line that looks upside down is turned
    uint32_t batch = 6;
  } angle;

  struct Reader {
    std::string graph;
    int32_t width = 320, height = 48;  // width: the least
    uint32_t batch = 6;
    std::vector<int64_t> widths;  // ascending buckets; empty = as wide as the widest line of a batch, as the trainer does
    std::string dictionary;       // entry: one character per line, UTF-8; index 0 of the graph is the blank
    bool space = true;            // the class after the last character is a space
  } reader;
};

}  // namespace lnx::manifest
