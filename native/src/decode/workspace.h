// Scratch memory of one run slot for decoding; grows, then allocates nothing. Internal to decode/.
#pragma once

#include <cstdint>
#include <vector>

#include "decode/decode.h"
#include "decode/mosaic.h"

namespace lnx::decode {

struct Candidate {
  float x1, y1, x2, y2, score;
  int32_t class_id;
  int32_t order;  // position in the model's output: breaks ties
};

struct Span1d {  // a horizontal run of one label in one row
  int32_t y, begin, end, label, parent;
  int32_t next;  // of the same component, in reading order; -1 after the last
};

struct CellSegment {                 // pixels of a row that lie between the same two columns of a map
  int32_t begin, end, column, next;  // next = column where no pixel needs another
};

struct CellRun {                // pixels of a row whose cells agree on a verdict
  int32_t begin, end, verdict;  // -1: they do not agree
};

struct Component {
  int32_t label = 0;
  int64_t area = 0;
  double score_sum = 0, x_sum = 0, y_sum = 0;
  float score_max = 0;
  int32_t x1 = 0, y1 = 0, x2 = 0, y2 = 0;  // half open
  int32_t root = 0;                        // number of its first span
  int32_t first_span = 0, last_span = 0;   // all of them by Span1d::next
};

class Workspace {
 public:
  std::vector<float> scores;
  std::vector<int32_t> order;
  std::vector<float> best_value;
  std::vector<int32_t> best_class;
  std::vector<Candidate> candidates, sorted;
  std::vector<uint8_t> removed;
  std::vector<float> row0, row1, mixed, best, plane, all_best;
  std::vector<float> map, other_map, padded;  // anomaly and enhancement
  std::vector<int32_t> columns;
  std::vector<float> weights;
  std::vector<uint8_t> labels, label_map, visited;
  std::vector<uint8_t> verdicts;
  std::vector<CellSegment> segments;
  std::vector<CellRun> cell_runs;
  std::vector<uint8_t> outside;       // background that is connected with the border
  std::vector<int32_t> component_of;  // all 0 between two uses, as is `visited`
  std::vector<Span1d> spans;
  std::vector<Component> components;
  std::vector<int32_t> roots, kept;
  std::vector<LnxPointF> points;
  std::vector<uint32_t> counts;
  std::vector<const float*> taps;  // rows that a blur adds up
  Mosaic mosaic;                   // of tiles
  void* canvas = nullptr;          // picture that tiles are drawn into, in the arena of the run
};

// Class-aware suppression by partition (or across classes when class_aware is false), best first, equal scores by position in the
// output. candidates are sorted and cut to pre_top_k, then to `max` survivors.
void SuppressOverlaps(const manifest::Nms& nms, double iou, uint32_t max, Workspace* workspace);

// Regions of a label picture of width x height whose top left corner lies at (left, top) of the full image.
struct RegionJob {
  const uint8_t* labels = nullptr;  // 0 = nothing, else class id + 1
  const float* scores = nullptr;    // per pixel
  int32_t width = 0, height = 0, left = 0, top = 0, full_width = 0, full_height = 0;
  uint32_t connectivity = 8;
  bool fill_holes = false;
  bool by_score = true;  // false: a region counts whatever its score is
  const manifest::Manifest* manifest = nullptr;
  const result::RunParams* params = nullptr;
};
// The part of the image that the geometry shows; labels and scores are still to be set.
RegionJob PartOf(const image::Geometry& geometry, const manifest::Manifest& manifest, const result::RunParams& params);
void FindRegions(const RegionJob& job, Workspace& workspace, result::Arena& arena, result::ImageResult* image);

// All foreground pixels of job.labels as one region, however many parts it has. -1 when there is no pixel.
int32_t AddWholeRegion(const RegionJob& job, int32_t class_id, float score, Workspace& workspace, result::Arena& arena,
                       result::ImageResult* image);

// Polygons of one component along pixel corners: the outline first, then its holes. Returns how many were added.
uint32_t TracePolygons(const RegionJob& job, const Component& component, Workspace& workspace, result::Arena& arena,
                       result::ImageResult* image);

// COCO run lengths of one component, over the full image.
int32_t AddRle(const RegionJob& job, const Component& component, Workspace& workspace, result::Arena& arena,
               result::ImageResult* image);

// Checks that every value is finite.
void CheckFinite(const float* values, size_t n, const char* where);

// The output that a decoder reads, as float32 with the expected rank.
const runtime::Tensor& RequireOutput(const Job& job, size_t index, int32_t rank);

}  // namespace lnx::decode
