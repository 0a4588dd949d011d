// The features of a licence: what it allows beyond which models. docs/reference/licence.md, "Features".
//
// Three names mean something to the core: `tools` (which tasks), `gpu` (whether a GPU may be used), `cameras` (run slots of one
// model that may be open at the same time on one machine). All others belong to the inspection program, which reads them. A
// feature that is not named is not limited: licences from before a feature go on as they are.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/platform.h"
#include "container/dsse.h"

namespace lnx::license {

constexpr uint32_t kMaxCameras = 4096;

struct Features {
  bool gpu = true;
  bool limits_cameras = false, limits_tools = false;
  uint32_t cameras = 0;            // when limited
  std::vector<std::string> tools;  // names of tasks, when limited
  std::string json = "{}";         // all of them, as the program reads them
};

// value: the field `features`, neither absent nor null.
Features ReadFeatures(const nlohmann::json& value, const container::Refusal& refuse);

struct License;

// LNX_E_LICENSE_FEATURE unless the licence includes the task ("detection" ...).
void RequireTool(const License& license, const std::string& task);

// Why no GPU may be used under this licence; "" = one may.
std::string WhyNoGpu(const License& license);

// The run slots of one session that count against `cameras`, of all programs of this machine, until the object goes or its
// process ends.
class Seats {
 public:
  // LNX_E_LICENSE_FEATURE when fewer than n are left for this model.
  static Seats Take(const License& license, const std::string& model_id, uint32_t n);
  size_t size() const { return taken_.size(); }  // 0: not limited

 private:
  std::vector<std::unique_ptr<platform::Claim>> taken_;
};

}  // namespace lnx::license
