// A folder of 24-bit BMP files that behaves like a camera: a frame every interval, in the order of the names, and from the start
// again. Put your camera in its place: the worker calls nothing but Next().
//
// Invariants: a file that cannot be read is a frame with an error, never one that is silently missing.
#pragma once

#include <windows.h>

#include <cstdint>
#include <lnx/lnx.hpp>
#include <string>
#include <vector>

// One picture. Rows lie bottom-up, as in a BMP file and as GDI takes them, so nothing is copied on the way.
struct Frame {
  std::wstring name;
  std::wstring error;         // why there are no pixels; empty = there are
  std::vector<uint8_t> file;  // the whole BMP file
  int32_t width = 0, height = 0;
  int32_t stride = 0;  // bytes from row to row, a multiple of 4
  size_t first = 0;    // where the bottom row begins in `file`

  const uint8_t* BottomRow() const { return file.data() + first; }
  lnx::Image View() const {  // borrows: the frame must outlive the run
    const size_t top = first + static_cast<size_t>(stride) * static_cast<size_t>(height - 1);
    return lnx::Image(file.data() + top, width, height, LNX_PIXEL_BGR8, -int64_t{stride});
  }
};

class FolderCamera {
 public:
  FolderCamera(std::wstring folder, DWORD interval_ms) : folder_(std::move(folder)), interval_ms_(interval_ms) {}

  // Waits for the next frame. False when `stop` was signalled before it came.
  bool Next(HANDLE stop, Frame* frame);

 private:
  std::wstring folder_;
  DWORD interval_ms_;
  std::wstring last_;  // name of the frame before; the folder may change while the line runs
};
