// Reads the payload of a licence into typed fields, each within its limits.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "container/dsse.h"
#include "license/license.h"

namespace lnx::license {

// payload: an object with "v". Fields that are not known are passed over.
License ReadTerms(const nlohmann::json& payload, const container::Refusal& refuse);

}  // namespace lnx::license
