// Opens the decoders to the Python tests: any tensors, without a graph, so that the plain twins can be held against them.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/status.h"
#include "decode/decode.h"
#include "image/image.h"
#include "manifest/manifest.h"
#include "session/parameters.h"

namespace py = pybind11;

namespace {

using lnx::manifest::DType;

DType TypeOf(const py::array& array) {
  const std::pair<const char*, DType> types[] = {{"float32", DType::kF32}, {"float16", DType::kF16}, {"uint8", DType::kU8},
                                                 {"int32", DType::kI32},   {"int64", DType::kI64},   {"uint16", DType::kU16},
                                                 {"bool", DType::kBool}};
  const auto name = py::str(array.dtype()).cast<std::string>();
  for (const auto& [word, type] : types) {
    if (name == word) return type;
  }
  throw py::type_error("no tensor of type " + name);
}

// Everything that a decoder needs, for one image.
class Bench {
 public:
  Bench(const std::string& manifest_text, const py::array& image, const std::vector<py::array>& outputs)
      : manifest_(std::make_shared<const lnx::manifest::Manifest>(
            lnx::manifest::Parse({reinterpret_cast<const uint8_t*>(manifest_text.data()), manifest_text.size()}, "test"))),
        outputs_(outputs) {
    const lnx::manifest::Graph& graph = manifest_->graphs[0];
    const auto pipeline = lnx::image::Pipeline::Compile(*manifest_, graph.inputs[graph.image_input]);
    given_.struct_size = sizeof given_;
    given_.data = image.data();
    given_.width = static_cast<int32_t>(image.shape(1));
    given_.height = static_cast<int32_t>(image.shape(0));
    given_.stride_bytes = image.strides(0);
    given_.pixel_format = image.ndim() == 2 ? LNX_PIXEL_GRAY8 : LNX_PIXEL_BGR8;
    LnxRect part;
    const lnx::image::View view = lnx::image::CheckImage(given_, &part);
    tensor_.resize(pipeline.TensorBytes());
    pipeline.RunReference(view, part, given_.width, given_.height, tensor_.data(), &geometry_);
    std::vector<lnx::runtime::IoInfo> infos;
    for (size_t i = 0; i < outputs_.size(); ++i) {
      lnx::runtime::Tensor t;
      t.name = graph.outputs[i].name;
      t.dtype = TypeOf(outputs_[i]);
      t.rank = static_cast<int32_t>(outputs_[i].ndim());
      for (int32_t d = 0; d < t.rank; ++d) t.shape[d] = outputs_[i].shape(d);
      t.data = outputs_[i].data();
      tensors_.push_back(t);
      infos.push_back({graph.outputs[i].name, graph.outputs[i].dtype, graph.outputs[i].shape});
    }
    decoder_ = lnx::decode::MakeDecoder(manifest_, infos);
    workspace_ = decoder_->MakeWorkspace();
    LnxInitOptions options{};
    options.threshold = options.guard_band = std::nan("");
    lnx::session::Parameters(manifest_, options).Resolve(nullptr, &params_);
    pool_ = std::make_shared<lnx::result::Pool>(manifest_);
  }

  lnx::result::Storage* Run(uint32_t want, bool verdict) {
    params_.want = want;
    lnx::result::Storage* storage = pool_->Take(1);
    lnx::result::ImageResult& image = storage->images[0];
    image.summary.image_width = given_.width;
    image.summary.image_height = given_.height;
    lnx::decode::Job job;
    job.outputs = tensors_.data();
    job.output_count = tensors_.size();
    job.geometry = &geometry_;
    job.params = &params_;
    job.input = reinterpret_cast<const float*>(tensor_.data());
    job.input_elements = tensor_.size() / sizeof(float);
    try {
      lnx::decode::CheckOutputs(*manifest_, tensors_.data(), tensors_.size());
      decoder_->Decode(job, *workspace_, storage->arena, &image);
      if (verdict) lnx::result::DecideVerdict(*manifest_, params_, storage->arena, &image);
    } catch (...) {
      lnx::result::Pool::Give(storage);
      throw;
    }
    return storage;
  }

 private:
  std::shared_ptr<const lnx::manifest::Manifest> manifest_;
  std::vector<py::array> outputs_;
  LnxImage given_{};
  lnx::image::Geometry geometry_;
  std::vector<uint8_t> tensor_;
  std::vector<lnx::runtime::Tensor> tensors_;
  std::unique_ptr<lnx::decode::Decoder> decoder_;
  lnx::decode::WorkspacePtr workspace_;
  lnx::result::RunParams params_;
  std::shared_ptr<lnx::result::Pool> pool_;
};

py::tuple BoxOf(const LnxRectF& box) { return py::make_tuple(box.x1, box.y1, box.x2, box.y2); }

py::object PlaneOf(const LnxPlane& plane) {
  const auto* data = static_cast<const uint8_t*>(plane.data);
  const std::vector<py::ssize_t> shape = {plane.height, plane.width};
  if (plane.pixel_format == LNX_PIXEL_F32_GRAY) return py::array_t<float>(shape, static_cast<const float*>(plane.data));
  if (plane.pixel_format == LNX_PIXEL_GRAY16) return py::array_t<uint16_t>(shape, static_cast<const uint16_t*>(plane.data));
  if (plane.pixel_format == LNX_PIXEL_BGR8) return py::array_t<uint8_t>({shape[0], shape[1], py::ssize_t{3}}, data);
  return py::array_t<uint8_t>(shape, data);
}

py::dict ToDict(const lnx::result::ImageResult& image) {
  py::list classes, objects, regions, rles;
  for (const LnxClass& c : image.classes) classes.append(py::dict(py::arg("class_id") = c.class_id, py::arg("score") = c.score));
  for (const LnxObject& o : image.objects) {
    objects.append(py::dict(py::arg("class_id") = o.class_id, py::arg("score") = o.score, py::arg("box") = BoxOf(o.box),
                            py::arg("area_px") = o.area_px, py::arg("region_index") = o.region_index));
  }
  for (const LnxRegion& r : image.regions) {
    py::list polygons;
    for (uint32_t i = 0; i < r.polygon_count; ++i) {
      const LnxPolygon& p = image.polygons[static_cast<uint32_t>(r.polygon_index) + i];
      py::list points;
      for (uint32_t k = 0; k < p.point_count; ++k) points.append(py::make_tuple(p.points[k].x, p.points[k].y));
      polygons.append(py::make_tuple(points, p.parent));
    }
    regions.append(py::dict(py::arg("class_id") = r.class_id, py::arg("score_max") = r.score_max,
                            py::arg("score_mean") = r.score_mean, py::arg("area_px") = r.area_px, py::arg("box") = BoxOf(r.box),
                            py::arg("centroid") = py::make_tuple(r.centroid.x, r.centroid.y), py::arg("polygons") = polygons,
                            py::arg("rle_index") = r.rle_index));
  }
  for (const LnxRle& r : image.rles) rles.append(std::vector<uint32_t>(r.counts, r.counts + r.count));
  py::dict planes;
  for (const LnxPlane& plane : image.planes) planes[py::int_(plane.kind)] = PlaneOf(plane);
  const LnxSummary& s = image.summary;
  return py::dict(py::arg("classes") = classes, py::arg("objects") = objects, py::arg("regions") = regions,
                  py::arg("rles") = rles, py::arg("planes") = planes, py::arg("verdict") = s.verdict,
                  py::arg("score_raw") = s.score_raw, py::arg("score_norm") = s.score_norm, py::arg("threshold") = s.threshold,
                  py::arg("reason") = s.verdict_reason != nullptr ? s.verdict_reason : "");
}

// (status, result): status 0, or that of the error, whose text is then the result.
py::tuple Decode(const std::string& manifest, const py::array& image, const std::vector<py::array>& outputs, uint32_t want) {
  try {
    Bench bench(manifest, image, outputs);
    lnx::result::Storage* storage = bench.Run(want, true);
    const py::dict result = ToDict(storage->images[0]);
    lnx::result::Pool::Give(storage);
    return py::make_tuple(0, result);
  } catch (const lnx::Error& error) {
    return py::make_tuple(error.status(),
                          error.finding().found + " | " + error.finding().expected + " | " + error.finding().where);
  }
}

// Microseconds of `runs` decodings, memory reused as in a session.
std::vector<double> TimeDecode(const std::string& manifest, const py::array& image, const std::vector<py::array>& outputs,
                               int runs) {
  Bench bench(manifest, image, outputs);
  std::vector<double> micros;
  for (int i = 0; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    lnx::result::Storage* storage = bench.Run(0, false);
    micros.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
    lnx::result::Pool::Give(storage);
  }
  return micros;
}

}  // namespace

void BindDecode(py::module_& m) {
  m.def("decode", &Decode);
  m.def("time_decode", &TimeDecode);
}
