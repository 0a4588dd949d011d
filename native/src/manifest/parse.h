// The parts of manifest::Parse, one per section of the document.
#pragma once

#include "manifest/manifest.h"
#include "manifest/reader.h"

namespace lnx::manifest {

PreOp ParsePreOp(const json& value, const std::string& path);
void CheckPreOrder(const std::vector<PreOp>& ops);
Decode ParseDecode(const json& value, LnxTask task);
Nms ParseNms(const json& value);
std::vector<Label> ParseLabels(const json& values);
Thresholds ParseThresholds(const json& value);
Verdict ParseVerdict(const json& value, const std::vector<Label>& labels);

}  // namespace lnx::manifest
