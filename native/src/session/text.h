// Reading text with two or three graphs: find lines, cut them out upright, turn them the right way up, read. Internal to
// session/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "container/container.h"
#include "decode/ocr.h"
#include "image/fit.h"
#include "image/image.h"
#include "manifest/manifest.h"
#include "result/result.h"
#include "runtime/runtime.h"

namespace lnx::session {

// What one run slot keeps for reading text.
struct TextSlot;
struct TextSlotDelete {
  void operator()(TextSlot* slot) const noexcept;
};
using TextSlotPtr = std::unique_ptr<TextSlot, TextSlotDelete>;

// Immutable; any number of threads, each with a slot of its own.
class TextReader {
 public:
  struct Models {
    runtime::Model* detector = nullptr;             // of the session
    std::unique_ptr<runtime::Model> angle, reader;  // angle: NULL when the recipe has none
  };
  // LNX_E_DICTIONARY, LNX_E_GRAPH_MISMATCH, LNX_E_MANIFEST_FIELD.
  TextReader(std::shared_ptr<const manifest::Manifest> manifest, Models models, decode::Dictionary dictionary);
  ~TextReader();

  TextSlotPtr MakeSlot() const;
  // Adds texts of the part `roi` (its pixels: view), and fills the timings of the image.
  void Run(const image::View& view, const LnxRect& roi, const result::RunParams& params, TextSlot* slot, result::Arena& arena,
           result::ImageResult* image) const;
  void WarmUp(TextSlot* slot) const;
  runtime::Slot* Warmest(TextSlot* slot) const;  // the detector as it ran last, NULL before

  // For the self-test: the detector's input for an image (what Run would feed it), and its output for an input of that shape.
  struct Input {
    float* data;
    size_t elements;
    runtime::Slot* slot;
  };
  Input Prepare(const image::View& view, TextSlot* slot) const;
  const runtime::Model* angle() const;
  const runtime::Model& reader() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace lnx::session
