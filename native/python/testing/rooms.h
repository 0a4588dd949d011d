// What each file of lnx_testing adds to the module.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>

void BindTiling(pybind11::module_& m);
void BindTokens(pybind11::module_& m);
