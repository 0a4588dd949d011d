// What `lnx doctor` shows: every runtime candidate with its verdict, the GPUs, what is missing and the fix.
#include <nlohmann/json.hpp>

#include "base/platform.h"
#include "base/status.h"
#include "runtime/cuda/libraries.h"
#include "runtime/driver_version.h"
#include "runtime/library_file.h"
#include "runtime/loader.h"
#include "runtime/ort.h"
#include "runtime/pack_choice.h"

namespace lnx::runtime {
namespace {

// The pack that suits this PC, and why each better one does not.
nlohmann::ordered_json DescribePack(const DriverFacts& driver, const std::vector<Gpu>& gpus) {
  const PackChoice choice = ChoosePack(driver, gpus);
  nlohmann::ordered_json packs = nlohmann::ordered_json::array();
  for (const PackVerdict& verdict : choice.verdicts) {
    packs.push_back(
        {{"pack", verdict.pack}, {"fit", PackFitName(verdict.fit)}, {"found", verdict.found}, {"needed", verdict.needed}});
  }
  return {{"name", choice.pack},
          {"onnxruntime", choice.pack == "cpu" ? "" : PackRuntime(choice.pack)},
          {"extra", PackExtra(choice.pack)},
          {"verdicts", packs}};
}

}  // namespace

std::string DescribeEnvironmentJson(const std::string& runtime_dir) {
  using nlohmann::ordered_json;
  ordered_json report;
  std::vector<Candidate> candidates = FindCandidates(runtime_dir);
  ordered_json list = ordered_json::array();
  std::string problem, fix;
  try {
    const Runtime& runtime = Runtime::Get(runtime_dir);
    report["runtime"] = {
        {"version", runtime.info().version}, {"path", runtime.info().path}, {"providers", runtime.info().providers}};
    report["missing"] = cuda::Missing(runtime.info().path);
    report["cuda_major"] = cuda::CudaMajorOf(runtime.info().path);
  } catch (const Error& error) {
    report["runtime"] = nullptr;
    report["missing"] = ordered_json::array();
    report["cuda_major"] = 0;
    problem = error.what();
    fix = error.finding().fix;
  }
  for (Candidate& candidate : candidates) {
    LoadedLibrary loaded;
    LoadCandidate(&candidate, &loaded);
    const LibraryFile file = InspectLibrary(candidate.path);
    list.push_back({{"path", candidate.path},
                    {"source", candidate.source},
                    {"usable", candidate.status == LNX_OK},
                    {"version", candidate.version},
                    {"machine", file.machine},
                    {"verdict", candidate.verdict}});
  }
  report["candidates"] = list;
  const GpuSurvey& survey = SurveyGpus();
  const DriverFacts facts = FactsOf(survey);
  report["driver"] = {
      {"present", survey.driver}, {"cuda_version", survey.cuda_version}, {"version", facts.version}, {"reason", survey.reason}};
  report["pack"] = DescribePack(facts, survey.gpus);
  ordered_json gpus = ordered_json::array();
  for (const cuda::Gpu& gpu : survey.gpus) {
    gpus.push_back({{"index", gpu.index},
                    {"name", gpu.name},
                    {"compute_capability", std::to_string(gpu.capability_major) + "." + std::to_string(gpu.capability_minor)},
                    {"memory_mb", gpu.memory_bytes >> 20}});
  }
  report["gpus"] = gpus;
  report["physical_cores"] = platform::PhysicalCores();
  report["problem"] = problem;
  report["fix"] = fix;
  return report.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace lnx::runtime
