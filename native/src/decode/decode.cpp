#include "decode/decode.h"

#include <string>

#include "base/status.h"
#include "decode/families.h"
#include "decode/roles.h"
#include "decode/workspace.h"

namespace lnx::decode {

void WorkspaceDeleter::operator()(Workspace* w) const noexcept { delete w; }

WorkspacePtr Decoder::MakeWorkspace() const { return WorkspacePtr(new Workspace); }

void Decoder::Blend(const Job&, size_t, Workspace&, result::Arena&) const {
  Fail(LNX_E_INTERNAL, {"tiles to blend", "a family that does", "decode"});
}

void Decoder::DecodeBlended(const Job& job, Workspace& workspace, result::Arena& arena, result::ImageResult*) const {
  Blend(job, 0, workspace, arena);
}

void ExpectRegions(int32_t width, int32_t height, Workspace& workspace) {
  const size_t pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  if (workspace.visited.size() < pixels) workspace.visited.resize(pixels);
}

void BeginBlend(const LnxRect& part, const std::vector<LnxRect>& tiles, Workspace& workspace) {
  workspace.mosaic.Begin(part, tiles);
}

image::Geometry WholePart(const LnxRect& part, int32_t image_width, int32_t image_height) {
  image::Geometry g;
  g.origin_x = part.x;
  g.origin_y = part.y;
  g.input_width = g.content_width = g.part_width = part.width;
  g.input_height = g.content_height = g.part_height = part.height;
  g.part_x = part.x;
  g.part_y = part.y;
  g.image_width = image_width;
  g.image_height = image_height;
  return g;
}

const runtime::Tensor& RequireOutput(const Job& job, size_t index, int32_t rank) {
  if (index >= job.output_count) {
    Fail(LNX_E_OUTPUT_SHAPE, {std::to_string(job.output_count) + " outputs", "at least " + std::to_string(index + 1), "decode"});
  }
  const runtime::Tensor& tensor = job.outputs[index];
  if (tensor.dtype != manifest::DType::kF32 || tensor.rank != rank || tensor.shape[0] <= job.batch_index) {
    Fail(LNX_E_OUTPUT_SHAPE,
         {Described(tensor),
          "f32 of rank " + std::to_string(rank) + " with more than " + std::to_string(job.batch_index) + " images",
          "output \"" + std::string(tensor.name) + "\""});
  }
  return tensor;
}

void CheckOutputs(const manifest::Manifest& manifest, const runtime::Tensor* outputs, size_t count) {
  const std::vector<manifest::TensorSpec>& specs = manifest.graphs[0].outputs;
  for (size_t i = 0; i < count && i < specs.size(); ++i) {
    const runtime::Tensor& tensor = outputs[i];
    bool same = tensor.dtype == specs[i].dtype && static_cast<size_t>(tensor.rank) == specs[i].shape.size();
    for (size_t d = 1; same && d < specs[i].shape.size(); ++d)
      same = specs[i].shape[d] < 0 || specs[i].shape[d] == tensor.shape[d];
    if (same) continue;
    std::string expected;
    for (const int64_t side : specs[i].shape)
      expected += (expected.empty() ? "" : ", ") + (side < 0 ? "N" : std::to_string(side));
    Fail(LNX_E_OUTPUT_SHAPE, {Described(tensor), std::string(manifest::DTypeName(specs[i].dtype)) + " [" + expected + "]",
                              "output \"" + specs[i].name + "\""});
  }
}

namespace {

const runtime::IoInfo& FirstFloat(const std::vector<runtime::IoInfo>& outputs) {
  if (outputs.empty() || outputs[0].dtype != manifest::DType::kF32) {
    Fail(LNX_E_GRAPH_MISMATCH,
         {outputs.empty() ? "no output" : std::string("output of type ") + manifest::DTypeName(outputs[0].dtype),
          "a float32 output", "the graph"});
  }
  return outputs[0];
}

// One overload per family of manifest::Decode.
struct Maker {
  ManifestPtr manifest;
  const std::vector<runtime::IoInfo>& outputs;

  using Made = std::unique_ptr<Decoder>;
  Made operator()(const manifest::ClassificationDecode&) const { return MakeClassification(manifest, FirstFloat(outputs)); }
  Made operator()(const manifest::YoloxDecode&) const { return MakeYolox(manifest, FirstFloat(outputs)); }
  Made operator()(const manifest::SegmentationDecode&) const { return MakeSegmentation(manifest, FirstFloat(outputs)); }
  Made operator()(const manifest::RtmdetDecode&) const { return MakeRtmdet(manifest, outputs); }
  Made operator()(const manifest::RtdetrDecode&) const { return MakeRtdetr(manifest, outputs); }
  Made operator()(const manifest::PpyoloeDecode&) const { return MakePpyoloe(manifest, outputs); }
  Made operator()(const manifest::EfficientDetDecode&) const { return MakeEfficientDet(manifest, outputs); }
  Made operator()(const manifest::InstanceDecode&) const { return MakeInstance(manifest, outputs); }
  Made operator()(const manifest::CandidatesDecode&) const { return MakeCandidates(manifest, outputs); }
  Made operator()(const manifest::AnomalyDecode&) const { return MakeAnomaly(manifest, outputs); }
  Made operator()(const manifest::OcrDecode&) const {
    Fail(LNX_E_UNKNOWN_OP, {"\"ocr\"", "a decoder of one graph", "decode.kind"});
  }
  Made operator()(const manifest::EnhancementDecode&) const { return MakeEnhancement(manifest, outputs); }
};

}  // namespace

std::unique_ptr<Decoder> MakeDecoder(std::shared_ptr<const manifest::Manifest> manifest,
                                     const std::vector<runtime::IoInfo>& outputs) {
  const manifest::Decode& family = manifest->decode;
  return std::visit(Maker{std::move(manifest), outputs}, family);
}

}  // namespace lnx::decode
