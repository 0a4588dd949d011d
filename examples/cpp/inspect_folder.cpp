// Inspects a folder of 24-bit BMP files through the queue: one line of JSON each, in the order of the names. Needs no OpenCV.
//   inspect_folder MODEL.lnx FOLDER [PUBLIC_KEY.pem]
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <lnx/lnx.hpp>

#include "../c/utf8_main.h"

namespace fs = std::filesystem;

struct Bitmap {
  std::string bytes;
  explicit Bitmap(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
    if (bytes.size() < 54 || bytes.compare(0, 2, "BM") != 0 || bytes[28] != 24) throw std::runtime_error("no 24-bit BMP");
  }
  int32_t At(size_t offset) const {
    int32_t number = 0;
    std::memcpy(&number, bytes.data() + offset, sizeof number);
    return number;
  }
  // BMP rows lie bottom-up: the stride is negative, and the data begins at the last row of the file. Nothing is copied.
  lnx::Image View() const {
    const int32_t width = At(18), height = At(22), stride = (width * 3 + 3) / 4 * 4;
    if (width < 1 || height < 1 || bytes.size() < size_t(At(10)) + size_t(stride) * size_t(height))
      throw std::runtime_error("BMP too short");
    return {bytes.data() + At(10) + size_t(stride) * size_t(height - 1), width, height, LNX_PIXEL_BGR8, -stride};
  }
};

int main(int argc, char** argv) try {
  if (argc < 3) return std::cerr << "usage: inspect_folder MODEL.lnx FOLDER [PUBLIC_KEY.pem]\n", 2;
  lnx::Options options;
  options.QueueDepth(4);
  if (argc > 3) options.TrustKey(argv[3]);
  lnx::Session session(argv[1], options);

  std::vector<Bitmap> pictures;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(fs::u8path(argv[2]))) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) pictures.emplace_back(path);
  for (size_t next = 0, done = 0; done < pictures.size(); ++done) {
    for (; next < pictures.size() && next < done + 4; ++next) session.Submit(pictures[next].View().Tag(next));
    std::cout << session.Wait().Json() << "\n";
  }
  return 0;
} catch (const std::exception& error) {  // lnx::Error is one
  std::cerr << error.what() << "\n";
  return 1;
}
