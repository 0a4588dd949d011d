// The fast half of agent/lnx_agent/record.py: an event becomes the bytes of an OpenTelemetry LogRecord, and a record tells its
// event and its source. What is rare (nested objects, text that is not Unicode, numbers beyond 64 bits) is left to the plain twin
// in Python.
#pragma once

#include <pybind11/pybind11.h>

namespace lnx::agent {

// Adds draft_parts and event_and_source to a module.
void AddRecords(pybind11::module_& module);

}  // namespace lnx::agent
