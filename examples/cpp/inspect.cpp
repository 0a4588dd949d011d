// Inspects one picture and saves an overlay.  inspect_cpp MODEL.lnx PICTURE OVERLAY.png [PUBLIC_KEY.pem]
#include <iostream>
#include <lnx/lnx_opencv.hpp>
#include <opencv2/imgcodecs.hpp>

int main(int argc, char** argv) try {
  if (argc < 4) return std::cerr << "usage: inspect_cpp MODEL.lnx PICTURE OVERLAY.png [PUBLIC_KEY.pem]\n", 2;
  lnx::Options options;
  if (argc > 4) options.TrustKey(argv[4]);
  lnx::Session session(argv[1], options);

  const cv::Mat picture = cv::imread(argv[2], cv::IMREAD_COLOR);
  if (picture.empty()) return std::cerr << "no picture: " << argv[2] << "\n", 2;
  const lnx::Result result = session.Run(lnx::FromMat(picture));

  std::cout << result.Json() << "\n";
  const LnxSummary summary = result.Summary();
  std::cerr << lnx::VerdictText(summary.verdict) << "  " << summary.verdict_reason << "\n";
  for (const LnxRegion& region : result.Regions()) std::cerr << "  " << region.name << "  " << region.area_px << " px\n";
  for (const LnxObject& object : result.Objects()) std::cerr << "  " << object.name << "  " << object.score << "\n";
  return cv::imwrite(argv[3], lnx::Draw(result, picture)) ? 0 : 1;
} catch (const lnx::Error& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
