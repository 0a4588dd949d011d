// Looks into a library file without loading it: for which machine it is built, and which libraries it needs.
#pragma once

#include <string>
#include <vector>

namespace lnx::runtime {

struct LibraryFile {
  bool readable = false;
  bool is_library = false;          // ELF or PE
  bool fits = false;                // for this processor and system
  std::string machine;              // "ELF x86-64", "ELF aarch64", "PE x86-64", "not a library"
  std::vector<std::string> needed;  // DT_NEEDED or import names
};

LibraryFile InspectLibrary(const std::string& path) noexcept;

}  // namespace lnx::runtime
