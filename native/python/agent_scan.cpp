// lnx_agent._scan: the fast halves of the agent. Of `lnx agent verify` the plain twin is PlainScanner in
// agent/lnx_agent/evidence/scan.py; agent_record.h names the other.
#include <pybind11/pybind11.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent_record.h"
#include "evidence/crc32c.h"
#include "evidence/scanner.h"

namespace py = pybind11;

namespace {

using namespace lnx;

Bytes View(const py::bytes& bytes) {
  char* data = nullptr;
  py::ssize_t size = 0;
  if (PyBytes_AsStringAndSize(bytes.ptr(), &data, &size) != 0) throw py::error_already_set();
  return {reinterpret_cast<const uint8_t*>(data), static_cast<size_t>(size)};
}

std::unique_ptr<evidence::Scanner> Make(const std::string& stream, const py::tuple& declared, uint64_t size,
                                        const py::tuple& hashes) {
  std::vector<std::string> names;
  for (const py::handle& name : declared) names.push_back(py::cast<std::string>(name));
  evidence::Frontier tree;
  tree.size = size;
  for (const py::handle& hash : hashes) {
    const Bytes bytes = View(py::cast<py::bytes>(hash));
    crypto::Digest digest{};
    if (bytes.size != digest.size()) throw py::value_error("a hash of the tree has 32 bytes");
    std::memcpy(digest.data(), bytes.data, digest.size());
    tree.hashes.push_back(digest);
  }
  size_t set = 0;
  for (uint64_t bits = size; bits != 0; bits &= bits - 1) ++set;
  if (tree.hashes.size() != set) throw py::value_error("the hashes do not fit the size of the tree");
  return std::make_unique<evidence::Scanner>(stream, std::move(names), std::move(tree));
}

py::tuple Hashes(const evidence::Scanner& scanner) {
  const auto& hashes = scanner.seen().tree.hashes;
  py::tuple out(hashes.size());
  for (size_t i = 0; i < hashes.size(); ++i)
    out[i] = py::bytes(reinterpret_cast<const char*>(hashes[i].data()), hashes[i].size());
  return out;
}

py::list Runs(const evidence::Scanner& scanner) {
  py::list out;
  for (const auto& [first, last] : scanner.seen().runs) out.append(py::make_tuple(first, last));
  return out;
}

py::list Looks(const evidence::Scanner& scanner) {
  py::list out;
  for (const evidence::Look& look : scanner.seen().looks) out.append(py::make_tuple(look.number, py::bytes(look.record)));
  return out;
}

bool Take(evidence::Scanner& scanner, const py::bytes& block) {
  const Bytes view = View(block);
  const py::gil_scoped_release unlocked;
  return scanner.Take(view);
}

}  // namespace

PYBIND11_MODULE(_scan, module) {
  module.doc() = "Makes records and checks those of sealed segments.";
  agent::AddRecords(module);
  py::class_<evidence::Scanner>(module, "Scanner")
      .def(py::init(&Make), py::arg("stream"), py::arg("declared"), py::arg("size"), py::arg("hashes"))
      .def("take", &Take, py::arg("block"))
      .def_property_readonly("count", [](const evidence::Scanner& s) { return s.seen().count; })
      .def_property_readonly("size", [](const evidence::Scanner& s) { return s.seen().tree.size; })
      .def_property_readonly("hashes", &Hashes)
      .def_property_readonly("runs", &Runs)
      .def_property_readonly("looks", &Looks)
      .def_property_readonly("from_time", [](const evidence::Scanner& s) { return s.seen().from_time; })
      .def_property_readonly("to_time", [](const evidence::Scanner& s) { return s.seen().to_time; })
      .def_property_readonly("longest_silence", [](const evidence::Scanner& s) { return s.seen().longest_silence; });
  module.def("crc32c", [](const py::bytes& data, bool plain) {
    return plain ? evidence::Crc32cPlain(View(data)) : evidence::Crc32c(View(data));
  });
}
