// The model's recipe: manifest.json inside the container, as typed structs. `Parse` validates everything the core relies on
// and names the offending field ("pre[2].size[0]"). Unknown op, unknown decode kind or a newer schema major is refused.
// The packing side owns the schema (sdk/lnx/manifest, pydantic); field names here are the JSON names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/span.h"
#include "lnx/lnx.h"
#include "manifest/families.h"
#include "manifest/ocr.h"

namespace lnx::manifest {

constexpr int kSchemaMajor = 1;
constexpr int32_t kMaxImageSide = 30000;  // pixels
constexpr double kMaxTileOverlap = 0.75;

enum class DType { kF32, kF16, kU8, kI32, kI64, kU16, kBool };  // "f32" "f16" "u8" "i32" "i64" "u16" "bool"
size_t DTypeBytes(DType dtype);
const char* DTypeName(DType dtype);

struct TensorSpec {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;  // -1 = dynamic ("N" or any text in JSON)
  std::string layout;          // inputs: "NCHW" | "NHWC"
  // Inputs: "image" (the first, unless said), "input_wh", "input_hw", "image_wh", "image_hw", "scale_hw", "ones". Outputs: what
  // the decoder looks for.
  std::string role;
};

struct Graph {
  std::string id;                // "main"
  std::string file;              // entry name of the ONNX file, "model.onnx"
  std::string weights;           // entry name of the external data, "" = none
  std::string weights_location;  // the file name by which model.onnx refers to it
  std::vector<TensorSpec> inputs, outputs;
  size_t image_input = 0;      // index of the input with the role "image"
  std::vector<int64_t> batch;  // batch sizes to warm up; {1} when the graph is fixed
};

// ---- preprocessing: an ordered list. Pixel ops (color, crop, resize) on 8- or 16-bit integers, then cast, then float ops.

enum class ColorOrder { kRgb, kBgr, kGray };  // "RGB" "BGR" "GRAY"
struct ColorOp {  // {"op":"color","to":"RGB"}; gray -> colour replicates, colour -> gray as OpenCV (BT.601 fixed point)
  ColorOrder to = ColorOrder::kRgb;
};

struct CropOp {  // {"op":"crop","mode":"center","size":[w,h]} | {"op":"crop","mode":"rect","rect":[x,y,w,h]}
  enum class Mode { kCenter, kRect } mode = Mode::kCenter;
  int32_t x = 0, y = 0, width = 0,
          height = 0;            // centre: x = floor((W - w) / 2), as torchvision's round((W-w)/2.0) is spelled by "rounding"
  bool round_half_even = false;  // "rounding":"half_even" (torchvision CenterCrop); "floor" (default)
};

enum class Interp { kNearest, kLinear, kCubic, kArea };  // "nearest" "linear" "cubic" "area"
enum class ResizeLib { kOpenCv, kPil };                  // "opencv" | "pil" (antialiased, Pillow's fixed point)
struct ResizeOp {
  // "stretch": exactly size. "short_side": short side = size[0], keep ratio. "keep_ratio": fit inside size, no padding.
  // "letterbox": fit inside size, pad to size.
  enum class Mode { kStretch, kShortSide, kKeepRatio, kLetterbox } mode = Mode::kStretch;
  int32_t width = 0, height = 0;  // "size":[w,h]
  Interp interp = Interp::kLinear;
  ResizeLib lib = ResizeLib::kOpenCv;
  bool scale_up = true;                                                // false: never enlarge
  enum class Rounding { kRound, kFloor } rounding = Rounding::kRound;  // of the new size: round half away from zero | int()
  enum class Anchor {
    kCenter,
    kTopLeft
  } anchor = Anchor::kCenter;        // letterbox: "center" (left = top = floor(pad / 2)) | "top_left"
  bool back_by_size = false;         // "back": "ratio" | "size" (per axis, previous size / rounded size, as mmdetection)
  uint8_t pad[3] = {114, 114, 114};  // in the channel order at this point; gray uses pad[0]
};

struct CastOp {
  DType to = DType::kF32;
};  // {"op":"cast","to":"f32"}
struct ScaleOp {
  double mul = 1.0;
  double div = 0;  // 0: not this form
};  // {"op":"scale","mul":0.017}: x * mul in float32 | {"op":"scale","div":255}: x / div in float32, which rounds otherwise
struct NormalizeOp {              // {"op":"normalize","mean":[..],"std":[..]}: (x - mean) / std in float32
  std::vector<double> mean, std;  // 1 or 3 values
};
struct LayoutOp {
  bool nchw = true;
};  // {"op":"layout","to":"NCHW"}

using PreOp = std::variant<ColorOp, CropOp, ResizeOp, CastOp, ScaleOp, NormalizeOp, LayoutOp>;

// 16-bit input becomes 8-bit before the first op: clamp((v - lo) * 255 / (hi - lo)), rounded half up in integers.
struct Window {
  uint32_t lo = 0, hi = 65535;
};

struct Input {
  std::vector<LnxPixelFormat> accept;  // names as in lnx.h without LNX_PIXEL_; empty = all
  std::optional<Window> window;        // absent: 0 .. 2^valid_bits - 1
};

// ---- decoding

struct ClassificationDecode {  // {"kind":"classification","activation":"softmax"}
  enum class Activation { kNone, kSoftmax, kSigmoid } activation = Activation::kSoftmax;  // kNone: the graph gives probabilities
  bool multi_label = false;  // classes do not exclude each other; verdict rules look at every class either way
  uint32_t top_k = 5;
};
struct YoloxDecode {  // {"kind":"yolox",...}; output [N,A,5+C]: cx,cy,w,h,obj,cls...
  std::vector<int32_t> strides = {8, 16, 32};
  bool decoded = true;        // "decoded_in_graph": boxes already in input pixels
  bool activated = true;      // "activation_in_graph": obj and cls already through sigmoid
  double score_floor = 0.01;  // candidates below it never leave the decoder
};
struct SegmentationDecode {  // {"kind":"segmentation",...}; output [N,C,H,W] or [N,H,W,C] by "layout"
  enum class Mode {
    kBinary,
    kMultiClass,
    kMultiLabel
  } mode = Mode::kMultiClass;  // binary: one channel, label id 1 is the foreground
  enum class Activation { kNone, kSoftmax, kSigmoid } activation = Activation::kSoftmax;
  bool nchw = true;
  double mask_threshold = 0.5;  // binary and multi_label: pixel >= threshold is foreground
  int32_t background = 0;       // multi_class: label id that is not reported; -1 = none
  bool fill_holes = false;
  uint32_t connectivity = 8;
};
using Decode = std::variant<ClassificationDecode, YoloxDecode, SegmentationDecode, RtmdetDecode, RtdetrDecode, PpyoloeDecode,
                            EfficientDetDecode, InstanceDecode, AnomalyDecode, EnhancementDecode, OcrDecode, CandidatesDecode>;

struct Nms {  // {"kind":"class_aware","iou":0.65,"pre_top_k":1000,"max":300}
  bool class_aware = true;
  double iou = 0.65;
  uint32_t pre_top_k = 1000;
  uint32_t max = 300;
  bool clip = false;           // boxes are cut before they are compared; what is empty then goes
  bool clip_to_input = false;  // "clip_to": "image" (without the margins of a letterbox) | "input"
};

// ---- meaning

struct Label {
  int32_t id = 0;
  std::string name;
  std::string name_ko;              // optional
  uint32_t color = 0xFF3030;        // "#RRGGBB"
  std::optional<double> threshold;  // absent = thresholds.score
  double min_area_px = 0;           // of a region or box, in full-image pixels
};

struct Thresholds {           // {"space":"raw","score":0.5,"guard":0.03}
  std::string space = "raw";  // "raw" | "norm"
  double score = 0.5;
  double guard = 0.0;  // half width of the REVIEW strip
};

// Rules are tried in order; the first that fires gives the verdict, else `otherwise`. A rule looks at what is left after
// per-class thresholds and minimum areas. The verdict is REVIEW when moving every threshold by +guard or by -guard changes it.
struct Rule {
  // "score": the best score of `labels` reaches its threshold. "count": at least `at_least` objects or regions of `labels`.
  // "area": their areas sum to at least `at_least` pixels. "top_below": the best class score is under `at_least`.
  enum class Kind { kScore, kCount, kArea, kTopBelow } kind = Kind::kScore;
  std::vector<int32_t> labels;  // label ids; empty = all (segmentation: all but background)
  double at_least = 1;
  LnxVerdict then = LNX_VERDICT_NG;  // "OK" | "NG" | "REVIEW" | "UNDEFINED"
};
struct Verdict {
  std::vector<Rule> rules;
  LnxVerdict otherwise = LNX_VERDICT_UNDEFINED;
};

// A second graph that looks at each object of the first one.
// {"kind":"classify","graph":"grade","on":[0],"margin":0.1,"activation":"softmax","label_ids":[10,11],"score":"replace"}
struct ClassifyStage {
  std::string graph;        // id of its graph
  std::vector<int32_t> on;  // label ids of the objects that it looks at; empty = all
  double margin = 0;        // share of the box's width and height that is added on every side
  ClassificationDecode::Activation activation = ClassificationDecode::Activation::kSoftmax;
  std::vector<int32_t> label_ids;  // the label that each class of its graph stands for
  // The object takes the label of the best class, and its score ("replace") or that times its own ("product").
  enum class Score { kReplace, kProduct } score = Score::kReplace;
};

struct Golden {
  std::string image;   // entry: PNG for people
  std::string pixels;  // entry: the same pixels raw, rows without padding
  int32_t width = 0, height = 0;
  LnxPixelFormat format = LNX_PIXEL_BGR8;
  std::string tensor;  // entry: expected input tensor, raw little-endian, dtype and shape of graph input 0 at batch 1
  std::vector<std::string> outputs;  // entries: raw output tensors at batch 1, float32
  std::string
      result;  // entry: JSON
               // {"classes":[{"class_id","score"}],"objects":[{"box":[x1,y1,x2,y2],"score","class_id"}],"regions":[{"class_id","area_px","box","score_max"}]}
};
struct Tolerance {
  double pre = 1e-5, model = 1e-4, post = 1e-3;
};

// The first graph as a GPU likes it: it takes 8-bit images and does the rest of the preprocessing itself, and it may sum up its
// outputs. `file` is a serialised GraphProto whose nodes go before and after those of the graph, in place of its inputs and
// outputs.
struct GpuForm {
  std::string file;  // entry of the container
  std::vector<TensorSpec> inputs, outputs;
  std::vector<PreOp> pre;
  std::optional<Decode> decode;  // absent: as of the graph
  struct Recorded {              // of golden[i]
    std::string tensor;
    std::vector<std::string> outputs;
  };
  std::vector<Recorded> golden;
};

struct Limits {
  int32_t min_width = 1, min_height = 1, max_width = 30000, max_height = 30000;
};

// {"size":[640,640],"overlap":0.2}: images larger than a tile go through the model in tiles; not for
// classification and text.
struct Tiling {
  int32_t width = 0, height = 0;  // pixels of the image
  double overlap = 0.2;           // share of a tile's side that its neighbour repeats at least
};

struct Manifest {
  std::string schema;                                                    // "1.0"
  std::string name, version, title, trainer, created, uid, attribution;  // "model": {...}
  std::string min_core;                                                  // "1.0.0"
  LnxTask task = LNX_TASK_UNKNOWN;
  std::vector<Graph> graphs;
  Input input;
  std::vector<PreOp> pre;                     // of the first graph
  std::vector<std::vector<PreOp>> graph_pre;  // of each graph; the others carry theirs as "pre"
  Decode decode;
  std::vector<ClassifyStage> stages;  // after `decode`, in order
  Nms nms;
  std::vector<Label> labels;
  Thresholds thresholds;
  Verdict verdict;
  std::vector<Golden> golden;
  Tolerance tolerance;
  Limits limits;
  std::optional<Tiling> tiling;
  // "input.depth": 8 | 16. With 16 the ops see gray values of 0..65535 (the window is stretched to that) instead of 8-bit ones.
  uint32_t depth = 8;
  std::optional<GpuForm> gpu_form;

  const Label* FindLabel(int32_t id) const;
  const Graph* FindGraph(const std::string& id) const;
};

// Throws LNX_E_MANIFEST_JSON / _FIELD / _VERSION, LNX_E_UNKNOWN_OP. `where` names the file in errors.
Manifest Parse(Bytes json, const std::string& where);

// The manifest as it reads when the first graph runs in its form for GPUs; itself when it has none.
Manifest InGpuForm(const Manifest& manifest);

const char* TaskName(LnxTask task);           // "classification" ...
const char* VerdictName(LnxVerdict verdict);  // "OK" ...

}  // namespace lnx::manifest
