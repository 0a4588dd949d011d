// Output tensors -> classes, objects, regions, in pixels of the caller's full image. One file per model family.
#pragma once

#include <memory>
#include <vector>

#include "base/span.h"
#include "image/image.h"
#include "manifest/manifest.h"
#include "result/result.h"
#include "runtime/runtime.h"

namespace lnx::decode {

struct Job {
  const runtime::Tensor* outputs = nullptr;  // whole batch
  size_t output_count = 0;
  int64_t batch_index = 0;
  const image::Geometry* geometry = nullptr;
  const float* input = nullptr;  // input tensor of this image, when it is float32
  size_t input_elements = 0;
  const result::RunParams* params = nullptr;
};

// Scratch of one run slot; grows, then allocates nothing.
class Workspace;
struct WorkspaceDeleter {
  void operator()(Workspace* w) const noexcept;
};
using WorkspacePtr = std::unique_ptr<Workspace, WorkspaceDeleter>;

class Decoder {
 public:
  virtual ~Decoder() = default;
  WorkspacePtr MakeWorkspace() const;
  // Fills classes / objects / regions / polygons / rles / planes. LNX_E_OUTPUT_SHAPE, LNX_E_NUMERIC.
  // Scores below the run's thresholds (minus the guard band) need not be kept. Not the verdict: result::DecideVerdict does it.
  virtual void Decode(const Job& job, Workspace& workspace, result::Arena& arena, result::ImageResult* image) const = 0;

  // Large images in tiles. Families that answer with maps or pictures blend the values of the tiles into one picture (mosaic.h)
  // and decode that: BeginBlend, Blend for each tile, DecodeBlended. Of the others, each tile's Decode adds its objects.
  virtual bool Blends() const { return false; }
  virtual void Blend(const Job& job, size_t tile, Workspace& workspace, result::Arena& arena) const;
  // job: geometry and parameters of the whole part; it has no outputs.
  virtual void DecodeBlended(const Job& job, Workspace& workspace, result::Arena& arena, result::ImageResult* image) const;
};

// Makes room for the regions of a picture of this size, which one without findings leaves unmade.
void ExpectRegions(int32_t width, int32_t height, Workspace& workspace);

// tiles: as session::PlaceTiles gives them for `part`.
void BeginBlend(const LnxRect& part, const std::vector<LnxRect>& tiles, Workspace& workspace);

// A part of an image that is its own model input, for DecodeBlended.
image::Geometry WholePart(const LnxRect& part, int32_t image_width, int32_t image_height);

// What came is what the manifest describes: rank, and every side but the first that is not open. LNX_E_OUTPUT_SHAPE.
void CheckOutputs(const manifest::Manifest& manifest, const runtime::Tensor* outputs, size_t count);

// outputs: what the graph really declares. LNX_E_GRAPH_MISMATCH when they cannot be decoded.
std::unique_ptr<Decoder> MakeDecoder(std::shared_ptr<const manifest::Manifest> manifest,
                                     const std::vector<runtime::IoInfo>& outputs);

// Logits to probabilities, in place.
void Activate(manifest::ClassificationDecode::Activation activation, std::vector<float>* scores);

}  // namespace lnx::decode
