// A graph in its form for GPUs: a serialised GraphProto (made by sdk/lnx/pack/gpu_form.py) put in place of a model's own inputs
// and outputs. Nothing is parsed but the tags of two levels of the file, so a model of any size costs one copy. Internal to
// runtime/.
#pragma once

#include <cstddef>

#include "base/span.h"

namespace lnx::runtime {

// Bytes that are wiped before they are freed.
class SecretBytes {
 public:
  explicit SecretBytes(size_t capacity);
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&&) = delete;
  ~SecretBytes();
  void Append(Bytes bytes);
  Bytes bytes() const { return {data_, size_}; }

 private:
  uint8_t* data_;
  size_t capacity_, size_ = 0;
};

// The model with the form in it. The form's nodes stand after those of the graph; ONNX Runtime sorts nodes itself.
// LNX_E_GRAPH_INVALID when either is not what it should be.
SecretBytes SpliceForm(Bytes onnx, Bytes form);

}  // namespace lnx::runtime
