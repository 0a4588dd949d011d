#include <nlohmann/json.hpp>

#include "base/status.h"
#include "session/core.h"

namespace lnx::session {

using nlohmann::ordered_json;

std::string DescribeJson(const Core& core) {
  const manifest::Manifest& m = *core.manifest;
  const auto tensors = [](const std::vector<runtime::IoInfo>& infos) {
    ordered_json list = ordered_json::array();
    for (const runtime::IoInfo& io : infos)
      list.push_back({{"name", io.name}, {"dtype", manifest::DTypeName(io.dtype)}, {"shape", io.shape}});
    return list;
  };
  ordered_json labels = ordered_json::array();
  for (const manifest::Label& label : m.labels)
    labels.push_back({{"id", label.id}, {"name", label.name}, {"name_ko", label.name_ko}});
  ordered_json formats = ordered_json::array();
  for (const LnxPixelFormat format : m.input.accept) formats.push_back(image::FormatName(format));
  const runtime::RuntimeInfo* runtime = runtime::Runtime::Loaded();
  ordered_json j;
  j["name"] = m.name;
  j["version"] = m.version;
  j["title"] = m.title;
  j["task"] = manifest::TaskName(m.task);
  j["model_id"] = core.container->manifest().model_id;
  j["epoch"] = core.container->manifest().epoch;
  j["signer"] = core.container->signer();
  j["device"] = core.model->device_name();
  j["fallback_reason"] = core.model->fallback_reason();
  j["runtime"] = {{"version", runtime->version}, {"path", runtime->path}};
  j["preprocessing"] = core.pipeline != nullptr ? core.pipeline->Path() : "per line";
  const runtime::GpuReport gpu = core.model->gpu();
  j["gpu"] = core.model->provider() == LNX_PROVIDER_CPU
                 ? ordered_json()
                 : ordered_json({{"graph", gpu.graph}, {"why_no_graph", gpu.why_no_graph}, {"memory_mb", gpu.bytes >> 20}});
  j["gpu_form"] = core.gpu_form;
  j["inputs"] = tensors(core.model->inputs());
  j["outputs"] = tensors(core.model->outputs());
  ordered_json graphs = ordered_json::array();
  graphs.push_back({{"id", m.graphs[0].id}, {"device", core.model->device_name()}});
  for (const auto& stage : core.stages) graphs.push_back({{"id", stage->graph_id()}, {"device", stage->model().device_name()}});
  if (core.text != nullptr) {
    if (core.text->angle() != nullptr) graphs.push_back({{"id", "angle"}, {"device", core.text->angle()->device_name()}});
    graphs.push_back({{"id", "reader"}, {"device", core.text->reader().device_name()}});
  }
  j["graphs"] = graphs;
  j["max_batch"] = core.max_batch;
  size_t padding = 0;  // the text keeps its length while the number grows, for callers who ask for the length first
  if (core.kept_warm) {
    const uint64_t beats = core.keep_warm ? core.keep_warm->beats() : core.model->gpu().ticks;
    j["keep_warm"] = {{"idle_runs", beats}};
    padding = 20 - std::to_string(beats).size();
  }
  j["accepts"] = formats;
  j["labels"] = labels;
  j["golden_images"] = m.golden.size();
  j["parameters"] = ordered_json::parse(core.parameters->ListJson());
  return j.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + std::string(padding, ' ');
}

}  // namespace lnx::session
