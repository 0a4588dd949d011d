// The border between C and the core: nothing thrown crosses it, and caller structs are read and written by their own size.
#pragma once

#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string>

#include "api/last_error.h"
#include "base/platform.h"
#include "base/status.h"
#include "lnx/lnx.h"

namespace lnx::api {

template <typename Function>
LnxStatus Guarded(const char* function, Function&& body) noexcept {
  try {
    body();
    return LNX_OK;
  } catch (const Error& error) {
    return RememberError(error);
  } catch (const std::bad_alloc&) {
    return RememberError(LNX_E_OUT_OF_MEMORY, "an allocation failed", function);
  } catch (const std::exception& error) {
    return RememberError(LNX_E_INTERNAL, error.what(), function);
  } catch (...) {
    return RememberError(LNX_E_INTERNAL, "an unknown exception", function);
  }
}

inline void RequirePointer(const void* pointer, const char* name) {
  if (pointer == nullptr) Fail(LNX_E_NULL_POINTER, {std::string(name) + " = NULL", "a pointer", name});
}

inline std::string RequireText(const char* text, const char* name) {
  RequirePointer(text, name);
  const size_t bytes = std::strlen(text);
  if (!platform::IsUtf8(text, bytes)) Fail(LNX_E_TEXT_ENCODING, {"bytes that are not UTF-8", "UTF-8 text", name});
  return std::string(text, bytes);
}

// Reads a caller's struct over defaults. An older caller's struct is shorter; a newer caller's may be longer as long as what
// this version does not know is zero.
template <typename Struct>
void ReadStruct(const Struct* in, uint32_t first_version_bytes, const char* name, Struct* out) {
  if (in == nullptr) return;
  const uint32_t size = in->struct_size;
  const auto refuse = [&](const std::string& found) {  // texts are made only when there is something to tell
    Fail(LNX_E_STRUCT_SIZE,
         {found, std::to_string(first_version_bytes) + " .. " + std::to_string(sizeof(Struct)) + " (use the ...Init function)",
          name});
  };
  if (size < first_version_bytes || size > 65536) refuse("struct_size = " + std::to_string(size));
  const auto* bytes = reinterpret_cast<const uint8_t*>(in);
  for (uint32_t i = sizeof(Struct); i < size; ++i) {
    if (bytes[i] != 0) refuse("a field at byte " + std::to_string(i) + " that this version does not know");
  }
  std::memcpy(out, in, size < sizeof(Struct) ? size : sizeof(Struct));
  out->struct_size = sizeof(Struct);
}

// Writes as much as the caller has room for; struct_size stays the caller's.
template <typename Struct>
void WriteStruct(Struct* out, uint32_t first_version_bytes, const char* name, const Struct& value) {
  const uint32_t size = out->struct_size;
  if (size < first_version_bytes || size > 65536) {
    Fail(LNX_E_STRUCT_SIZE,
         {"struct_size = " + std::to_string(size), std::to_string(sizeof(Struct)) + " (set it to sizeof the struct)", name});
  }
  const uint32_t n = size < sizeof(Struct) ? size : static_cast<uint32_t>(sizeof(Struct));
  std::memcpy(reinterpret_cast<uint8_t*>(out) + sizeof(uint32_t), reinterpret_cast<const uint8_t*>(&value) + sizeof(uint32_t),
              n - sizeof(uint32_t));
}

// The two-call pattern: tells the size, fills the buffer when it fits.
inline void WriteText(const std::string& text, char* buffer, uint32_t capacity, uint32_t* needed) {
  if (buffer == nullptr && capacity > 0)
    Fail(LNX_E_NULL_POINTER, {"buffer = NULL with capacity " + std::to_string(capacity), "a buffer", "buffer"});
  const uint32_t bytes = static_cast<uint32_t>(text.size()) + 1;
  if (needed != nullptr) *needed = bytes;
  if (buffer == nullptr || capacity < bytes) {
    if (capacity == 0 && needed != nullptr) return;  // asked for the size only
    Fail(LNX_E_BUFFER_TOO_SMALL, {std::to_string(capacity) + " bytes", std::to_string(bytes) + " bytes", "buffer"});
  }
  std::memcpy(buffer, text.c_str(), bytes);
}

}  // namespace lnx::api
