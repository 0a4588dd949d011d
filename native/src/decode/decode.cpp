#include "decode/decode.h"

#include <string>

#include "base/status.h"
#include "decode/families.h"
#include "decode/workspace.h"

namespace lnx::decode {

void WorkspaceDeleter::operator()(Workspace* w) const noexcept { delete w; }

WorkspacePtr Decoder::MakeWorkspace() const { return WorkspacePtr(new Workspace); }

const runtime::Tensor& RequireOutput(const Job& job, size_t index, int32_t rank) {
  if (index >= job.output_count) {
    Fail(LNX_E_OUTPUT_SHAPE, {std::to_string(job.output_count) + " outputs", "at least " + std::to_string(index + 1), "decode"});
  }
  const runtime::Tensor& tensor = job.outputs[index];
  std::string shape;
  for (int32_t i = 0; i < tensor.rank; ++i) shape += (i ? ", " : "") + std::to_string(tensor.shape[i]);
  if (tensor.dtype != manifest::DType::kF32 || tensor.rank != rank || tensor.shape[0] <= job.batch_index) {
    Fail(LNX_E_OUTPUT_SHAPE,
         {std::string(manifest::DTypeName(tensor.dtype)) + " [" + shape + "]",
          "f32 of rank " + std::to_string(rank) + " with more than " + std::to_string(job.batch_index) + " images",
          "output \"" + std::string(tensor.name) + "\""});
  }
  return tensor;
}

std::unique_ptr<Decoder> MakeDecoder(std::shared_ptr<const manifest::Manifest> manifest,
                                     const std::vector<runtime::IoInfo>& outputs) {
  if (outputs.empty() || outputs[0].dtype != manifest::DType::kF32) {
    Fail(LNX_E_GRAPH_MISMATCH,
         {outputs.empty() ? "no output" : std::string("output of type ") + manifest::DTypeName(outputs[0].dtype),
          "a float32 output", "the graph"});
  }
  if (std::holds_alternative<manifest::ClassificationDecode>(manifest->decode))
    return MakeClassification(std::move(manifest), outputs[0]);
  if (std::holds_alternative<manifest::YoloxDecode>(manifest->decode)) return MakeYolox(std::move(manifest), outputs[0]);
  return MakeSegmentation(std::move(manifest), outputs[0]);
}

}  // namespace lnx::decode
