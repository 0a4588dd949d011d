// Finds the outputs that a decoder reads by the roles that the manifest gives them, and checks them at run time.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "decode/families.h"
#include "decode/workspace.h"

namespace lnx::decode {

// Indices of the outputs with a role, in the order of the graph.
std::vector<size_t> OutputsOf(const manifest::Manifest& manifest, const char* role);

// The one output with a role. LNX_E_GRAPH_MISMATCH when there is none or more than one, when the element type is not among
// `types`, or the rank not among `ranks`.
size_t OutputOf(const manifest::Manifest& manifest, const std::vector<runtime::IoInfo>& outputs, const char* role,
                std::initializer_list<manifest::DType> types, std::initializer_list<size_t> ranks);

// LNX_E_GRAPH_MISMATCH unless the output is of one of these types and ranks.
void RequireKind(const runtime::IoInfo& output, std::initializer_list<manifest::DType> types,
                 std::initializer_list<size_t> ranks);

// LNX_E_OUTPUT_SHAPE unless side `axis` of the tensor is `wanted`.
void RequireSide(const runtime::Tensor& tensor, int32_t axis, int64_t wanted, const char* meaning);

// A whole number of a tensor of type i64, i32 or f32. LNX_E_NUMERIC when a float is not finite.
int64_t WholeAt(const runtime::Tensor& tensor, size_t index);

// "f32 [1, 3, 64, 64]" for errors.
std::string Described(const runtime::Tensor& tensor);

// Values of image `batch_index` of a float tensor whose first axis is the batch, checked for NaN.
const float* ImageValues(const runtime::Tensor& tensor, int64_t batch_index, size_t* count, const char* where);

}  // namespace lnx::decode
