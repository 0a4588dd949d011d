// The parts of manifest::Parse, one per section of the document.
#pragma once

#include "manifest/manifest.h"
#include "manifest/reader.h"

namespace lnx::manifest {

void ParseSize(ObjectReader& r, int32_t* width, int32_t* height);  // "size": [width, height]
std::vector<PreOp> ParsePre(const json& values, const std::string& path);
Decode ParseDecode(const json& value, LnxTask task);
RtmdetDecode ParseRtmdet(ObjectReader& r);
RtdetrDecode ParseRtdetr(ObjectReader& r);
PpyoloeDecode ParsePpyoloe(ObjectReader& r);
EfficientDetDecode ParseEfficientDet(ObjectReader& r);
InstanceDecode ParseInstance(ObjectReader& r);
CandidatesDecode ParseCandidates(ObjectReader& r);
AnomalyDecode ParseAnomaly(ObjectReader& r);
EnhancementDecode ParseEnhancement(ObjectReader& r);
Nms ParseNms(const json& value);
std::vector<Label> ParseLabels(const json& values);
Thresholds ParseThresholds(const json& value);
OcrDecode ParseOcr(ObjectReader& r);
std::vector<ClassifyStage> ParseStages(const json& values, const Manifest& manifest);
void CheckGraphs(const Manifest& manifest);   // ids are unique, and every graph has something to do
void CheckCore(const std::string& min_core);  // LNX_E_MANIFEST_VERSION when this core is older
Verdict ParseVerdict(const json& value, const std::vector<Label>& labels);

}  // namespace lnx::manifest
