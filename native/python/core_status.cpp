#include "core_status.h"

#include <pybind11/pybind11.h>

namespace py = pybind11;

void Raise() {
  LnxErrorInfo info = {};
  info.struct_size = sizeof info;
  LnxLastError(&info);
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();  // a callback raised: that is the reason
  const py::object type = py::module_::import("lnx.errors").attr("LnxError");
  const py::object error = type(info.status, py::arg("found") = info.found, py::arg("expected") = info.expected,
                                py::arg("where") = info.where, py::arg("fix") = info.fix);
  PyErr_SetObject(type.ptr(), error.ptr());
  throw py::error_already_set();
}
