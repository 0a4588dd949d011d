#include "license/features.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/status.h"
#include "crypto/crypto.h"
#include "license/license.h"

namespace lnx::license {
namespace {

using nlohmann::json;

bool IsTexts(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), [](const json& item) { return item.is_string(); });
}

bool IsFeature(const json& value) {
  return value.is_boolean() || value.is_number_integer() || value.is_string() || IsTexts(value);
}

[[noreturn]] void Bad(const char* name, const std::string& expected, const container::Refusal& refuse) {
  refuse("the feature \"" + std::string(name) + "\" in the licence that cannot be read", expected);
}

std::string Hex(const crypto::Digest& digest, size_t bytes) {
  static const char* digits = "0123456789abcdef";
  std::string hex;
  for (size_t i = 0; i < bytes; ++i) {
    hex += digits[digest[i] >> 4];
    hex += digits[digest[i] & 15];
  }
  return hex;
}

// The name under which the seats of one model count, the same in every program of this machine.
std::string SeatName(const License& license, const std::string& model_id) {
  const std::string text = license.license_id + '\0' + model_id;
  return "lnx-seat-" + Hex(crypto::Sha256({reinterpret_cast<const uint8_t*>(text.data()), text.size()}), 16);
}

// Only one program at a time looks for seats, so that two that want the last ones do not take half of them each. Nobody waits
// for ever: who does not get the door within its time goes through all the same.
std::unique_ptr<platform::Claim> Door(const std::string& name) {
  std::unique_ptr<platform::Claim> door;
  for (int i = 0; i < 200 && !door; ++i) {
    if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    door = platform::Claim::Take(name + "-door");
  }
  return door;
}

}  // namespace

Features ReadFeatures(const json& value, const container::Refusal& refuse) {
  if (!value.is_object() || !std::all_of(value.begin(), value.end(), IsFeature)) {
    refuse("\"features\" in the licence that cannot be read", "names with true/false, whole numbers, texts or lists of texts");
  }
  Features features;
  if (value.contains("gpu")) {
    if (!value["gpu"].is_boolean()) Bad("gpu", "true or false", refuse);
    features.gpu = value["gpu"].get<bool>();
  }
  if (value.contains("cameras")) {
    const json& cameras = value["cameras"];
    if (!cameras.is_number_unsigned() || cameras.get<uint64_t>() < 1 || cameras.get<uint64_t>() > kMaxCameras) {
      Bad("cameras", "1 .. " + std::to_string(kMaxCameras), refuse);
    }
    features.limits_cameras = true;
    features.cameras = cameras.get<uint32_t>();
  }
  if (value.contains("tools")) {
    if (!IsTexts(value["tools"])) Bad("tools", "a list of tasks", refuse);
    features.limits_tools = true;
    features.tools = value["tools"].get<std::vector<std::string>>();
  }
  features.json = value.dump();
  return features;
}

void RequireTool(const License& license, const std::string& task) {
  const Features& features = license.features;
  if (!features.limits_tools || std::find(features.tools.begin(), features.tools.end(), task) != features.tools.end()) return;
  std::string listed;
  for (const std::string& tool : features.tools) listed += (listed.empty() ? "one of " : ", ") + tool;
  Fail(LNX_E_LICENSE_FEATURE,
       {"a model for the task \"" + task + "\"", listed.empty() ? "none: the licence lists no tool" : listed, license.where});
}

std::string WhyNoGpu(const License& license) {
  return license.features.gpu ? "" : "the licence \"" + license.license_id + "\" includes no GPU";
}

Seats Seats::Take(const License& license, const std::string& model_id, uint32_t n) {
  Seats seats;
  if (!license.features.limits_cameras) return seats;
  const uint32_t all = license.features.cameras;
  const std::string name = SeatName(license, model_id);
  const std::unique_ptr<platform::Claim> door = n <= all ? Door(name) : nullptr;
  for (uint32_t i = 0; n <= all && i < all && seats.taken_.size() < n; ++i) {
    std::unique_ptr<platform::Claim> seat = platform::Claim::Take(name + "-" + std::to_string(i));
    if (seat) seats.taken_.push_back(std::move(seat));
  }
  if (seats.taken_.size() == n) return seats;
  const std::string others =
      n <= all ? ", " + std::to_string(all - seats.taken_.size()) + " of " + std::to_string(all) + " being in use" : "";
  Fail(LNX_E_LICENSE_FEATURE, {"a session with " + std::to_string(n) + " run slots of model \"" + model_id + "\"" + others,
                               "at most " + std::to_string(all) + " at the same time on this PC (cameras)", license.where});
}

}  // namespace lnx::license
