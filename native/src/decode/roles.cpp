#include "decode/roles.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/status.h"

namespace lnx::decode {
namespace {

std::string Types(std::initializer_list<manifest::DType> types) {
  std::string text;
  for (const manifest::DType type : types) text += (text.empty() ? "" : " or ") + std::string(manifest::DTypeName(type));
  return text;
}

std::string Ranks(std::initializer_list<size_t> ranks) {
  std::string text;
  for (const size_t rank : ranks) text += (text.empty() ? "" : " or ") + std::to_string(rank);
  return text;
}

}  // namespace

std::vector<size_t> OutputsOf(const manifest::Manifest& manifest, const char* role) {
  std::vector<size_t> found;
  const std::vector<manifest::TensorSpec>& outputs = manifest.graphs[0].outputs;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].role == role) found.push_back(i);
  }
  return found;
}

void RequireKind(const runtime::IoInfo& output, std::initializer_list<manifest::DType> types,
                 std::initializer_list<size_t> ranks) {
  const bool type = std::find(types.begin(), types.end(), output.dtype) != types.end();
  const bool rank = std::find(ranks.begin(), ranks.end(), output.shape.size()) != ranks.end();
  if (type && rank) return;
  Fail(LNX_E_GRAPH_MISMATCH, {std::string(manifest::DTypeName(output.dtype)) + " of rank " + std::to_string(output.shape.size()),
                              Types(types) + " of rank " + Ranks(ranks), "output \"" + output.name + "\""});
}

size_t OutputOf(const manifest::Manifest& manifest, const std::vector<runtime::IoInfo>& outputs, const char* role,
                std::initializer_list<manifest::DType> types, std::initializer_list<size_t> ranks) {
  const std::vector<size_t> found = OutputsOf(manifest, role);
  if (found.size() != 1 || found[0] >= outputs.size()) {
    Fail(LNX_E_GRAPH_MISMATCH,
         {std::to_string(found.size()) + " outputs with the role \"" + role + "\"", "one", "graphs[0].outputs"});
  }
  RequireKind(outputs[found[0]], types, ranks);
  return found[0];
}

std::string Described(const runtime::Tensor& tensor) {
  std::string shape;
  for (int32_t i = 0; i < tensor.rank; ++i) shape += (i ? ", " : "") + std::to_string(tensor.shape[i]);
  return std::string(manifest::DTypeName(tensor.dtype)) + " [" + shape + "]";
}

void RequireSide(const runtime::Tensor& tensor, int32_t axis, int64_t wanted, const char* meaning) {
  if (axis < tensor.rank && tensor.shape[axis] == wanted) return;
  Fail(LNX_E_OUTPUT_SHAPE, {Described(tensor), std::to_string(wanted) + " " + meaning + " at axis " + std::to_string(axis),
                            "output \"" + std::string(tensor.name) + "\""});
}

int64_t WholeAt(const runtime::Tensor& tensor, size_t index) {
  if (tensor.dtype == manifest::DType::kI64) return static_cast<const int64_t*>(tensor.data)[index];
  if (tensor.dtype == manifest::DType::kI32) return static_cast<const int32_t*>(tensor.data)[index];
  if (tensor.dtype != manifest::DType::kF32) {
    Fail(LNX_E_OUTPUT_SHAPE, {Described(tensor), "i64, i32 or f32", "output \"" + std::string(tensor.name) + "\""});
  }
  const float value = tensor.F32()[index];
  if (!std::isfinite(value) || std::fabs(value) > 1e9f)
    Fail(LNX_E_NUMERIC,
         {"a class or count that is not a number", "a whole number", "output \"" + std::string(tensor.name) + "\""});
  return std::lround(value);
}

const float* ImageValues(const runtime::Tensor& tensor, int64_t batch_index, size_t* count, const char* where) {
  *count = tensor.shape[0] > 0 ? tensor.Elements() / static_cast<size_t>(tensor.shape[0]) : 0;
  const float* values = tensor.F32() + static_cast<size_t>(batch_index) * *count;
  CheckFinite(values, *count, where);
  return values;
}

}  // namespace lnx::decode
