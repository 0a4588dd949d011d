// An array of Python as an LnxImage: its memory is borrowed, copied only when the pixels of a row do not lie side by side.
#pragma once

#include <pybind11/numpy.h>

#include <string>
#include <utility>

#include "lnx/lnx.h"

// What an array itself does not say: the format ("" = by its shape) and the bits in use (0 = all).
using PixelNote = std::pair<std::string, uint32_t>;

struct Picture {
  pybind11::array array;  // keeps the memory alive
  LnxImage image;
};

// Raises lnx.errors.LnxError LNX-106 when dtype and shape do not fit the format.
Picture Borrow(const pybind11::array& given, const PixelNote& note, const pybind11::tuple& roi, uint64_t tag);
