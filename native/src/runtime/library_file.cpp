#include "runtime/library_file.h"

#include <cstring>

#include "base/platform.h"
#include "base/status.h"

namespace lnx::runtime {
namespace {

constexpr uint64_t kMaxLibraryBytes = 4ull << 30;

template <typename T>
bool ReadAt(Bytes file, uint64_t offset, T* value) {
  if (offset > file.size || file.size - offset < sizeof(T)) return false;
  std::memcpy(value, file.data + offset, sizeof(T));
  return true;
}

std::string TextAt(Bytes file, uint64_t offset) {
  std::string text;
  while (offset < file.size && file[offset] != 0 && text.size() < 512) text += static_cast<char>(file[offset++]);
  return text;
}

// ELF64 little endian: program headers lead to the dynamic section (System V gABI, chapter 5).
void ReadElf(Bytes file, LibraryFile* out) {
  uint16_t machine = 0, header_bytes = 0, headers = 0;
  uint64_t table = 0;
  const bool wide = file.size > 64 && file[4] == 2 && file[5] == 1;
  ReadAt(file, 18, &machine);
  out->is_library = true;
  out->machine = machine == 62    ? "ELF x86-64"
                 : machine == 183 ? "ELF aarch64"
                 : machine == 3   ? "ELF x86"
                                  : "ELF machine " + std::to_string(machine);
#if defined(__x86_64__) && defined(__linux__)
  out->fits = wide && machine == 62;
#endif
  if (!wide || !ReadAt(file, 32, &table) || !ReadAt(file, 54, &header_bytes) || !ReadAt(file, 56, &headers)) return;
  struct Segment {
    uint64_t address, offset, bytes;
  };
  std::vector<Segment> loads;
  uint64_t dynamic = 0, dynamic_bytes = 0;
  for (uint16_t i = 0; i < headers; ++i) {
    const uint64_t at = table + static_cast<uint64_t>(i) * header_bytes;
    uint32_t type = 0;
    uint64_t offset = 0, address = 0, bytes = 0;
    if (!ReadAt(file, at, &type) || !ReadAt(file, at + 8, &offset) || !ReadAt(file, at + 16, &address) ||
        !ReadAt(file, at + 32, &bytes))
      return;
    if (type == 1) loads.push_back({address, offset, bytes});
    if (type == 2) dynamic = offset, dynamic_bytes = bytes;
  }
  std::vector<uint64_t> names;
  uint64_t strings = 0;
  for (uint64_t at = dynamic; at + 16 <= dynamic + dynamic_bytes; at += 16) {
    uint64_t tag = 0, value = 0;
    if (!ReadAt(file, at, &tag) || !ReadAt(file, at + 8, &value) || tag == 0) break;
    if (tag == 1) names.push_back(value);
    if (tag == 5) strings = value;
  }
  for (const Segment& load : loads) {
    if (strings < load.address || strings >= load.address + load.bytes) continue;
    const uint64_t base = strings - load.address + load.offset;
    for (const uint64_t name : names) out->needed.push_back(TextAt(file, base + name));
    return;
  }
}

// PE32+: the import directory (Microsoft PE format, "The .idata Section").
void ReadPe(Bytes file, LibraryFile* out) {
  uint32_t pe = 0;
  uint16_t machine = 0, sections = 0, optional_bytes = 0, magic = 0;
  if (!ReadAt(file, 60, &pe) || pe > file.size || file.size - pe < 24 || std::memcmp(file.data + pe, "PE\0\0", 4) != 0) return;
  ReadAt(file, pe + 4, &machine);
  ReadAt(file, pe + 6, &sections);
  ReadAt(file, pe + 20, &optional_bytes);
  ReadAt(file, pe + 24, &magic);
  out->is_library = true;
  out->machine = machine == 0x8664   ? "PE x86-64"
                 : machine == 0xAA64 ? "PE arm64"
                 : machine == 0x14C  ? "PE x86"
                                     : "PE machine " + std::to_string(machine);
#if defined(_WIN64)
  out->fits = machine == 0x8664;
#endif
  if (magic != 0x20B) return;
  uint32_t imports = 0;
  if (!ReadAt(file, pe + 24 + 112 + 8, &imports)) return;
  const auto file_offset = [&](uint32_t rva) -> uint64_t {
    for (uint16_t i = 0; i < sections; ++i) {
      const uint64_t at = pe + 24 + optional_bytes + 40ull * i;
      uint32_t size = 0, address = 0, raw = 0;
      if (!ReadAt(file, at + 16, &size) || !ReadAt(file, at + 12, &address) || !ReadAt(file, at + 20, &raw)) break;
      if (rva >= address && rva - address < size) return raw + (rva - address);
    }
    return file.size;
  };
  for (uint64_t at = file_offset(imports); out->needed.size() < 256; at += 20) {
    uint32_t name = 0;
    if (!ReadAt(file, at + 12, &name) || name == 0) return;
    out->needed.push_back(TextAt(file, file_offset(name)));
  }
}

}  // namespace

LibraryFile InspectLibrary(const std::string& path) noexcept {
  LibraryFile result;
  try {
    result.machine = "not a library";
    const auto view = platform::FileView::Open(path, kMaxLibraryBytes);
    const Bytes file = view->bytes();
    result.readable = true;
    if (file.size >= 20 && std::memcmp(file.data, "\177ELF", 4) == 0) ReadElf(file, &result);
    if (file.size >= 64 && file[0] == 'M' && file[1] == 'Z') ReadPe(file, &result);
  } catch (...) {
    // An unreadable file is an answer: readable stays false.
    return result;
  }
  return result;
}

}  // namespace lnx::runtime
