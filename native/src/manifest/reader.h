// Reads typed fields out of JSON and names the field that is wrong. Every field that exists must be asked for, unless its name
// is "meta" or starts with "x_": a misspelt name is an error, not a default.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace lnx::manifest {

using nlohmann::json;

class ObjectReader {
 public:
  ObjectReader(const json& value, std::string path);

  const std::string& path() const { return path_; }
  std::string At(const char* name) const { return path_.empty() ? name : path_ + "." + name; }
  [[noreturn]] void Refuse(const char* name, const std::string& found, const std::string& expected) const;

  bool Has(const char* name) const;
  const json* Find(const char* name);  // NULL when absent or null
  const json& Get(const char* name);   // required
  std::string Text(const char* name);  // required
  std::string Text(const char* name, const std::string& fallback);
  double Number(const char* name, double fallback, double low, double high);
  int64_t Integer(const char* name, int64_t fallback, int64_t low, int64_t high);
  int64_t Integer(const char* name, int64_t low, int64_t high);  // required
  bool Flag(const char* name, bool fallback);
  std::vector<double> Numbers(const char* name, double low, double high);
  std::vector<int64_t> Integers(const char* name, int64_t low, int64_t high);
  const json& Array(const char* name, size_t most);  // required
  const json* FindArray(const char* name, size_t most);

  // One of a list of words. LNX_E_UNKNOWN_OP when `op` is set, since an unknown operation must never be guessed.
  template <typename Value>
  Value Word(const char* name, std::initializer_list<std::pair<const char*, Value>> words, const Value* fallback = nullptr,
             bool op = false) {
    const json* value = Find(name);
    if (value == nullptr) {
      if (fallback != nullptr) return *fallback;
      Refuse(name, "no field", "a text");
    }
    if (!value->is_string()) Refuse(name, Shown(*value), "a text");
    std::string known;
    for (const auto& word : words) {
      if (value->get_ref<const std::string&>() == word.first) return word.second;
      known += (known.empty() ? "\"" : ", \"") + std::string(word.first) + "\"";
    }
    if (op) Fail(LNX_E_UNKNOWN_OP, {Shown(*value), known, At(name)});
    Refuse(name, Shown(*value), known);
  }

  void Done() const;  // refuses fields that nobody asked for

  static std::string Shown(const json& value);

 private:
  const json& value_;
  std::string path_;
  mutable std::set<std::string> asked_;
};

}  // namespace lnx::manifest
