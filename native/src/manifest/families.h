// How the outputs of each detector, anomaly and enhancement family are to be read. The tensors are found by the roles that the
// manifest gives to the outputs ("boxes", "scores", ...), never by position.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace lnx::manifest {

// Where box coordinates lie: pixels of the model's input, or of the picture that it was told about by an extra input.
enum class BoxSpace { kInput, kImage };  // "input" "image"

// {"kind":"candidates"}: what a form for GPUs leaves to the CPU. Roles "boxes" [N,K,4] (corners), "scores" [N,K] (best first),
// "labels" [N,K], and "finite" [N], which is 0 unless the graph met a NaN or infinity. Suppression follows.
struct CandidatesDecode {
  double score_floor = 0.01;
  bool cut = false;  // nms.clip holds for this family
  BoxSpace space = BoxSpace::kInput;
};

// What every detector states. "best": an anchor reports its best class only. "all": each class above the floor.
struct BoxHead {
  double score_floor = 0.01;  // candidates below it never leave the decoder
  bool all_classes = false;   // "per_anchor": "best" | "all"
  bool activated = true;      // "activation_in_graph": scores already went through the sigmoid
};

// {"kind":"rtmdet"}: roles "scores" and "distances", one pair per stride ([N,C,H,W], [N,4,H,W]) or one for all ([N,A,C],
// [N,A,4]).
struct RtmdetDecode {
  BoxHead head;
  std::vector<int32_t> strides = {8, 16, 32};
  bool distances_in_pixels = true;  // "distances": "pixels" (mmdetection) | "strides" (mmyolo)
};

// {"kind":"rtdetr"}: form "raw" has "scores" [N,Q,C] and "boxes" [N,Q,4] (centre, size; shares of the input); form "decoded" has
// "labels", "scores" [N,K] and "boxes" [N,K,4] (corners). No suppression.
struct RtdetrDecode {
  BoxHead head;
  bool raw = true;
  uint32_t top_k = 300;
  BoxSpace space = BoxSpace::kInput;
};

// {"kind":"ppyoloe"}: with "nms_in_graph" rows [n,6] (class, score, corners) and "counts" [N]; without it "boxes" [N,A,4] and
// "scores" [N,C,A].
struct PpyoloeDecode {
  BoxHead head;
  bool nms_in_graph = true;
  BoxSpace space = BoxSpace::kImage;
};

// {"kind":"efficientdet"}: roles "scores" and "boxes", per level ([N,A*C,H,W], [N,A*4,H,W]) or flat ([N,anchors,C],
// [N,anchors,4]).
struct EfficientDetDecode {
  BoxHead head;
  bool yxhw = true;               // "coding": "yxhw" (dy,dx,dh,dw) | "xywh"
  std::vector<double> variances;  // 4 factors of the codes, empty = 1
  std::vector<int32_t> strides = {8, 16, 32, 64, 128};
  double anchor_scale = 4;
  std::vector<double> octaves;                    // "scales" per level
  std::vector<std::pair<double, double>> ratios;  // width, height
};

// {"kind":"instance"}: roles "boxes" [N,K,4] and "scores" [N,K], or "dets" [N,K,5]; "labels" [N,K]; "masks" [N,K,h,w] or
// [N,K,1,h,w]. Masks cover the box ("box") or the whole input ("input").
struct InstanceDecode {
  BoxHead head;
  bool masks_in_box = false;
  double mask_threshold = 0.5;
  BoxSpace space = BoxSpace::kInput;
};

// Scores on the training side's scale: norm = (raw - thr) / (max - min) + 0.5.
struct Calibration {
  double thr = 0, min = 0, max = 1;
  double Norm(double raw) const { return (raw - thr) / (max - min) + 0.5; }
  double Raw(double norm) const { return (norm - 0.5) * (max - min) + thr; }
};

// {"kind":"anomaly"}: roles "map" [N,1,H,W] or [N,H,W], and "score" [N] or [N,1] unless the score is taken from the map.
struct AnomalyDecode {
  enum class Score { kOutput, kMax, kTopMean } score = Score::kOutput;
  uint32_t top_k = 1;                    // of "top_mean"
  enum class Step { kUpsample, kBlur };  // of the map, in order, before the score is taken
  std::vector<Step> steps;
  double blur_sigma = 4;      // pixels of the map at that point
  bool graph_is_norm = true;  // "space" of what the graph gives: "norm" | "raw"
  std::optional<Calibration> image, pixel;
  bool clamp = true;            // normalised values are cut to 0..1
  double mask_threshold = 0.5;  // of the map, in thresholds.space: from here a pixel belongs to a region
  bool fill_holes = false;
  uint32_t connectivity = 8;
};

// {"kind":"enhancement"}: role "image" [N,C,H,W] or [N,H,W,C].
struct EnhancementDecode {
  int32_t scale = 1;      // output side / input side
  bool residual = false;  // the output is added to the input
  bool nchw = true;
  double low = 0, high = 1;  // "range": what black and white are in the output
  uint32_t bits = 8;         // of the picture that comes out
  bool bgr = false;          // "colour": channel order of the output, "RGB" | "BGR" (one channel: "GRAY")
};

}  // namespace lnx::manifest
