// An inspection loop: frames come from a folder as if from a camera, are submitted while the previous one runs, drawn and
// counted.
//   inspection_loop MODEL.lnx FOLDER OVERLAYS [PUBLIC_KEY.pem]
#include <algorithm>
#include <deque>
#include <filesystem>
#include <iostream>
#include <lnx/lnx_opencv.hpp>
#include <map>
#include <opencv2/imgcodecs.hpp>

namespace fs = std::filesystem;

struct Frame {
  fs::path path;
  cv::Mat pixels;  // must live until its result was collected
};

int main(int argc, char** argv) try {
  if (argc < 4) return std::cerr << "usage: inspection_loop MODEL.lnx FOLDER OVERLAYS [PUBLIC_KEY.pem]\n", 2;
  lnx::Options options;
  options.RunSlots(2).QueueDepth(4);
  if (argc > 4) options.TrustKey(argv[4]);
  lnx::Session session(argv[1], options);
  fs::create_directories(argv[3]);
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(argv[2])) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());

  std::deque<Frame> waiting;
  std::map<std::string, int> counts;
  std::vector<uint32_t> micros;
  const auto collect = [&] {
    const lnx::Result result = session.Wait();  // the oldest: results come in the order of submission
    const Frame frame = std::move(waiting.front());
    waiting.pop_front();
    ++counts[lnx::VerdictText(result.Summary().verdict)];
    micros.push_back(result.Summary().timings.total);
    cv::imwrite((fs::path(argv[3]) / frame.path.stem()).string() + ".png", lnx::Draw(result, frame.pixels));
  };
  for (const fs::path& path : paths) {
    cv::Mat pixels = cv::imread(path.string(), cv::IMREAD_COLOR);
    if (pixels.empty()) continue;
    if (waiting.size() == 4) collect();
    waiting.push_back({path, pixels});
    session.Submit(lnx::FromMat(waiting.back().pixels));
  }
  while (!waiting.empty()) collect();
  std::sort(micros.begin(), micros.end());
  for (const auto& [verdict, n] : counts) std::cout << verdict << " " << n << "\n";
  if (!micros.empty())
    std::cout << "p50 " << micros[micros.size() / 2] << " us  p99 " << micros[micros.size() * 99 / 100] << " us\n";
  return 0;
} catch (const lnx::Error& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
