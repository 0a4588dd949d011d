#include "manifest/reader.h"

#include <cmath>

#include "base/utf8.h"

namespace lnx::manifest {
namespace {

std::string Range(double low, double high) {
  const auto number = [](double v) {
    std::string text = std::to_string(v);
    text.erase(text.find_last_not_of('0') + 1);
    if (!text.empty() && text.back() == '.') text.pop_back();
    return text;
  };
  return number(low) + " .. " + number(high);
}

}  // namespace

ObjectReader::ObjectReader(const json& value, std::string path) : value_(value), path_(std::move(path)) {
  if (!value.is_object()) Fail(LNX_E_MANIFEST_FIELD, {Shown(value), "an object", path_});
}

std::string ObjectReader::Shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > 80) text = Shortened(text, 77) + "...";
  return text;
}

void ObjectReader::Refuse(const char* name, const std::string& found, const std::string& expected) const {
  Fail(LNX_E_MANIFEST_FIELD, {found, expected, At(name)});
}

const json* ObjectReader::Find(const char* name) {
  asked_.insert(name);
  const auto it = value_.find(name);
  return it == value_.end() || it->is_null() ? nullptr : &*it;
}

bool ObjectReader::Has(const char* name) const {
  const auto it = value_.find(name);
  return it != value_.end() && !it->is_null();
}

const json& ObjectReader::Get(const char* name) {
  const json* value = Find(name);
  if (value == nullptr) Refuse(name, "no field", "a value");
  return *value;
}

std::string ObjectReader::Text(const char* name) {
  const json& value = Get(name);
  if (!value.is_string()) Refuse(name, Shown(value), "a text");
  if (value.get_ref<const std::string&>().size() > 4096) Refuse(name, "a text above 4096 bytes", "a shorter text");
  return value.get<std::string>();
}

std::string ObjectReader::Text(const char* name, const std::string& fallback) {
  return Find(name) == nullptr ? fallback : Text(name);
}

double ObjectReader::Number(const char* name, double fallback, double low, double high) {
  const json* value = Find(name);
  if (value == nullptr) return fallback;
  if (!value->is_number()) Refuse(name, Shown(*value), "a number");
  const auto number = value->get<double>();
  if (!(number >= low && number <= high)) Refuse(name, Shown(*value), Range(low, high));
  return number;
}

int64_t ObjectReader::Integer(const char* name, int64_t low, int64_t high) {
  const json& value = Get(name);
  const bool huge = value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
  if (!value.is_number_integer() || huge) Refuse(name, Shown(value), "a whole number");
  const auto number = value.get<int64_t>();
  if (number < low || number > high) Refuse(name, Shown(value), std::to_string(low) + " .. " + std::to_string(high));
  return number;
}

int64_t ObjectReader::Integer(const char* name, int64_t fallback, int64_t low, int64_t high) {
  return Find(name) == nullptr ? fallback : Integer(name, low, high);
}

bool ObjectReader::Flag(const char* name, bool fallback) {
  const json* value = Find(name);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) Refuse(name, Shown(*value), "true or false");
  return value->get<bool>();
}

const json& ObjectReader::Array(const char* name, size_t most) {
  const json& value = Get(name);
  if (!value.is_array()) Refuse(name, Shown(value), "a list");
  if (value.size() > most)
    Fail(LNX_E_LIMIT, {std::to_string(value.size()) + " items", "at most " + std::to_string(most), At(name)});
  return value;
}

const json* ObjectReader::FindArray(const char* name, size_t most) {
  return Find(name) == nullptr ? nullptr : &Array(name, most);
}

std::vector<double> ObjectReader::Numbers(const char* name, double low, double high) {
  std::vector<double> numbers;
  for (const json& item : Array(name, 64)) {
    if (!item.is_number() || !(item.get<double>() >= low && item.get<double>() <= high))
      Refuse(name, Shown(item), Range(low, high));
    numbers.push_back(item.get<double>());
  }
  return numbers;
}

std::vector<int64_t> ObjectReader::Integers(const char* name, int64_t low, int64_t high) {
  std::vector<int64_t> numbers;
  for (const json& item : Array(name, 4096)) {
    const bool huge = item.is_number_unsigned() && item.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
    if (!item.is_number_integer() || huge || item.get<int64_t>() < low || item.get<int64_t>() > high) {
      Refuse(name, Shown(item), std::to_string(low) + " .. " + std::to_string(high));
    }
    numbers.push_back(item.get<int64_t>());
  }
  return numbers;
}

void ObjectReader::Done() const {
  for (const auto& field : value_.items()) {
    const std::string& name = field.key();
    if (name == "meta" || name.compare(0, 2, "x_") == 0 || asked_.count(name)) continue;
    Refuse(name.c_str(), "a field that this version does not know", "a known field, \"meta\", or a name that starts with x_");
  }
}

}  // namespace lnx::manifest
