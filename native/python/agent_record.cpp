#include "agent_record.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "evidence/record.h"

namespace py = pybind11;

namespace lnx::agent {
namespace {

using evidence::Tag;

constexpr size_t kUsualBytes = 256;  // of a record

void PutVarint(uint64_t number, std::string* out) {
  while (number > 127) {
    out->push_back(static_cast<char>((number & 127) | 128));
    number >>= 7;
  }
  out->push_back(static_cast<char>(number));
}

void PutDelimited(uint8_t tag, std::string_view data, std::string* out) {
  out->push_back(static_cast<char>(tag));
  PutVarint(data.size(), out);
  out->append(data);
}

template <typename T>
void PutFixed(uint8_t tag, T number, std::string* out) {
  static_assert(sizeof number == 8);
  out->push_back(static_cast<char>(tag));
  out->append(reinterpret_cast<const char*>(&number), sizeof number);  // every machine that this runs on is little-endian
}

// UTF-8 of a str; nothing for one that holds half a surrogate pair.
std::optional<std::string_view> Text(PyObject* text) {
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(text, &size);
  if (data == nullptr) {
    PyErr_Clear();
    return std::nullopt;
  }
  return std::string_view(data, static_cast<size_t>(size));
}

enum class Put { kDone, kDoesNotFit, kLeftToTwin };

Put PutInteger(PyObject* value, std::string* out) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow != 0) return Put::kLeftToTwin;
  out->push_back(0x18);
  PutVarint(static_cast<uint64_t>(number), out);
  return Put::kDone;
}

Put PutText(PyObject* value, std::string* out) {
  const auto text = Text(value);
  if (!text) return Put::kLeftToTwin;
  PutDelimited(0x0A, *text, out);
  return Put::kDone;
}

// A list of integers or of texts, as its registered type says.
Put PutList(PyObject* list, bool integers, std::string* out) {
  std::string items, item;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    PyObject* value = PyList_GET_ITEM(list, i);
    if (integers ? !PyLong_CheckExact(value) : !PyUnicode_CheckExact(value)) {
      const bool strange = PyLong_Check(value) ? !PyBool_Check(value) : PyUnicode_Check(value);
      return strange ? Put::kLeftToTwin : Put::kDoesNotFit;
    }
    item.clear();
    const Put put = integers ? PutInteger(value, &item) : PutText(value, &item);
    if (put != Put::kDone) return put;
    PutDelimited(0x0A, item, &items);
  }
  PutDelimited(0x2A, items, out);
  return Put::kDone;
}

// AnyValue of a value that has its registered type. Only the exact types that JSON gives are judged here.
Put PutAny(PyObject* value, std::string_view type, std::string* out) {
  if (value == Py_None) return Put::kDone;
  if (PyBool_Check(value)) {
    if (type != "boolean") return Put::kDoesNotFit;
    out->append({0x10, value == Py_True ? '\1' : '\0'});
    return Put::kDone;
  }
  if (PyUnicode_CheckExact(value)) return type == "text" || type == "json" ? PutText(value, out) : Put::kDoesNotFit;
  if (PyLong_CheckExact(value)) return type == "integer" || type == "number" ? PutInteger(value, out) : Put::kDoesNotFit;
  if (PyFloat_CheckExact(value)) {
    if (type != "number") return Put::kDoesNotFit;
    const double number = PyFloat_AS_DOUBLE(value);
    if (!std::isfinite(number)) return Put::kLeftToTwin;
    PutFixed(0x21, number, out);
    return Put::kDone;
  }
  if (PyList_CheckExact(value) && (type == "integers" || type == "texts")) return PutList(value, type == "integers", out);
  if (PyList_CheckExact(value)) return Put::kDoesNotFit;
  return Put::kLeftToTwin;
}

void PutPair(std::string_view key, std::string_view value, std::string* scratch, std::string* out) {
  scratch->clear();
  PutDelimited(Tag::kKey, key, scratch);
  PutDelimited(Tag::kValue, value, scratch);
  PutDelimited(Tag::kAttribute, *scratch, out);
}

// (bytes before the uid, bytes after it), or None for the plain twin.
py::object DraftParts(uint64_t time, uint32_t severity, const py::dict& types, const py::dict& attributes, const py::str& source,
                      bool unsynchronised, uint64_t observed, const py::str& event) {
  std::string head, value, scratch;
  head.reserve(kUsualBytes);
  if (time != 0) PutFixed(Tag::kTime, time, &head);
  head.push_back(Tag::kSeverity);
  PutVarint(severity, &head);
  head.append({Tag::kBody, '\0'});

  PyObject *name = nullptr, *type = nullptr;
  Py_ssize_t at = 0;
  size_t taken = 0;
  while (PyDict_Next(types.ptr(), &at, &name, &type) != 0) {
    PyObject* found = PyDict_GetItemWithError(attributes.ptr(), name);
    if (found == nullptr) {
      if (PyErr_Occurred() != nullptr) throw py::error_already_set();
      continue;
    }
    const auto key = Text(name), kind = Text(type);
    if (!key || !kind) return py::none();
    value.clear();
    const Put put = PutAny(found, *kind, &value);
    if (put == Put::kLeftToTwin) return py::none();
    if (put == Put::kDoesNotFit) continue;
    ++taken;
    PutPair(*key, value, &scratch, &head);
  }
  const auto from = Text(source.ptr()), title = Text(event.ptr());
  if (!from || !title) return py::none();
  if (!from->empty()) {
    value.clear();
    PutDelimited(0x0A, *from, &value);
    PutPair(evidence::kSource, value, &scratch, &head);
  }
  if (unsynchronised) PutPair(evidence::kUnsynchronised, std::string_view("\x10\x01", 2), &scratch, &head);

  std::string& tail = scratch;
  tail.clear();
  const size_t dropped = attributes.size() - taken;
  if (dropped != 0) {
    tail.push_back(Tag::kDropped);
    PutVarint(dropped, &tail);
  }
  if (observed != 0) PutFixed(Tag::kObserved, observed, &tail);
  if (!title->empty()) PutDelimited(Tag::kEvent, *title, &tail);
  return py::make_tuple(py::bytes(head), py::bytes(tail));
}

// (event, source) of a record in canonical form; None for the plain twin.
py::object EventAndSource(const py::bytes& record) {
  const auto view = static_cast<std::string_view>(record);
  std::string_view event, source;
  if (!evidence::EventAndSource({reinterpret_cast<const uint8_t*>(view.data()), view.size()}, &event, &source)) return py::none();
  PyObject* first = PyUnicode_DecodeUTF8(event.data(), static_cast<Py_ssize_t>(event.size()), nullptr);
  PyObject* second = PyUnicode_DecodeUTF8(source.data(), static_cast<Py_ssize_t>(source.size()), nullptr);
  const auto one = py::reinterpret_steal<py::object>(first), two = py::reinterpret_steal<py::object>(second);
  if (!one || !two) {
    PyErr_Clear();
    return py::none();
  }
  return py::make_tuple(one, two);
}

}  // namespace

void AddRecords(py::module_& module) {
  module.def("draft_parts", &DraftParts, py::arg("time_ns"), py::arg("severity"), py::arg("types"), py::arg("attributes"),
             py::arg("source"), py::arg("unsynchronised"), py::arg("observed_ns"), py::arg("event"));
  module.def("event_and_source", &EventAndSource, py::arg("record"));
}

}  // namespace lnx::agent
