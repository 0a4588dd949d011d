// What a run found, for sdk/lnx/result.py: each call reads one part of one image's result as plain objects of Python.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core_status.h"
#include "lnx/lnx.h"
#include "picture.h"

// Owns the result.
class Result {
 public:
  explicit Result(LnxResult result) : result_(result) {}
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  ~Result() { LnxResultRelease(result_); }

  uint32_t Count() const;
  pybind11::dict Summary(uint32_t i) const;
  pybind11::list Classes(uint32_t i) const;
  pybind11::list Objects(uint32_t i) const;
  pybind11::list Regions(uint32_t i) const;
  pybind11::list Texts(uint32_t i) const;
  pybind11::object Plane(uint32_t i, LnxPlaneKind kind) const;
  std::string Json(uint32_t i) const;
  pybind11::bytes Digest(uint32_t i) const;
  pybind11::array Draw(uint32_t i, const pybind11::object& background, const PixelNote& note, bool banner, float opacity,
                       bool korean) const;

 private:
  template <typename Item>
  std::vector<Item> View(LnxStatus(LNX_CALL* read)(LnxResult, uint32_t, const Item**, uint32_t*), uint32_t i) const {
    const Item* items = nullptr;
    uint32_t n = 0;
    Check(read(result_, i, &items, &n));
    return std::vector<Item>(items, items + n);
  }
  LnxResult result_;
};
