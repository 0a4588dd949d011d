// One constructor per model family. Each refuses outputs that it cannot decode with LNX_E_GRAPH_MISMATCH.
#pragma once

#include <memory>

#include "decode/decode.h"

namespace lnx::decode {

using ManifestPtr = std::shared_ptr<const manifest::Manifest>;

std::unique_ptr<Decoder> MakeClassification(ManifestPtr manifest, const runtime::IoInfo& output);
std::unique_ptr<Decoder> MakeYolox(ManifestPtr manifest, const runtime::IoInfo& output);
std::unique_ptr<Decoder> MakeSegmentation(ManifestPtr manifest, const runtime::IoInfo& output);

// These find their outputs by role.
std::unique_ptr<Decoder> MakeRtmdet(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs);
std::unique_ptr<Decoder> MakeRtdetr(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs);
std::unique_ptr<Decoder> MakePpyoloe(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs);
std::unique_ptr<Decoder> MakeEfficientDet(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs);
std::unique_ptr<Decoder> MakeCandidates(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs);
std::unique_ptr<Decoder> MakeInstance(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs);
std::unique_ptr<Decoder> MakeAnomaly(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs);
std::unique_ptr<Decoder> MakeEnhancement(ManifestPtr manifest, const std::vector<runtime::IoInfo>& outputs);

// Classes 0 .. n-1 of the output must each have a label.
void RequireLabels(const manifest::Manifest& manifest, int64_t classes, const runtime::IoInfo& output);
void RequireRank(const runtime::IoInfo& output, size_t rank, const char* shape);

}  // namespace lnx::decode
