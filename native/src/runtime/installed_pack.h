// Where the setup program put the runtime pack of this PC.
#pragma once

#include <string>

namespace lnx::runtime {

// HKLM\Software\LNX, value RuntimeDir, which administrators alone can write. "" when nothing was installed, and on other systems.
std::string InstalledPackFolder();

}  // namespace lnx::runtime
