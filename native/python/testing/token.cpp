// Opens the token room to the Python tests, which put real readers before it.
#include <pybind11/stl.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "testing/rooms.h"
#include "token/worker.h"

namespace py = pybind11;

namespace {

using lnx::crypto::Point256;

// The thread of the product that talks to tokens, over PC/SC.
class Tokens {
 public:
  explicit Tokens(uint32_t hang_ms)
      : worker_(std::make_unique<lnx::token::Worker>(lnx::token::PcscTransport(), lnx::token::WorkerLimits{hang_ms, 200, 50, 3},
                                                     [this] { ++changes_; })) {}

  // (status, index of the key that answered, reader, what was found)
  py::tuple Challenge(const std::vector<std::string>& points) {
    std::vector<Point256> expected(points.size());
    for (size_t i = 0; i < points.size(); ++i) std::memcpy(expected[i].data(), points[i].data(), expected[i].size());
    auto presence = std::make_shared<lnx::token::Presence>();
    lnx::token::Outcome outcome;
    {
      const py::gil_scoped_release release;
      outcome = worker_->Do([presence, expected](lnx::token::Finder& finder) {
        *presence = finder.Challenge(expected);
        return presence->outcome;
      });
    }
    return py::make_tuple(outcome.status, presence->index, presence->reader, outcome.found);
  }

  std::vector<py::bytes> Licenses() {
    auto found = std::make_shared<std::vector<std::vector<uint8_t>>>();
    {
      const py::gil_scoped_release release;
      worker_->Do([found](lnx::token::Finder& finder) { return finder.ReadLicenses(found.get()); });
    }
    std::vector<py::bytes> contents;
    contents.reserve(found->size());
    for (const auto& content : *found) contents.emplace_back(reinterpret_cast<const char*>(content.data()), content.size());
    return contents;
  }

  int Changes() const { return changes_; }

 private:
  std::atomic<int> changes_{0};
  std::unique_ptr<lnx::token::Worker> worker_;
};

}  // namespace

void BindTokens(py::module_& m) {
  py::class_<Tokens>(m, "Tokens")
      .def(py::init<uint32_t>(), py::arg("hang_ms") = 10000)
      .def("challenge",
           [](Tokens& self, const std::vector<py::bytes>& points) {
             return self.Challenge(std::vector<std::string>(points.begin(), points.end()));
           })
      .def("licenses", &Tokens::Licenses)
      .def("changes", &Tokens::Changes);
}
