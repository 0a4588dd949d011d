#include "session/graphs.h"

#include <string>

#include "base/status.h"
#include "runtime/graph_form.h"

namespace lnx::session {
namespace {

std::string Shape(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + (shape[i] < 0 ? std::string("N") : std::to_string(shape[i]));
  return text + "]";
}

void CheckTensors(const std::vector<manifest::TensorSpec>& expected, const std::vector<runtime::IoInfo>& found,
                  const std::string& kind, const std::string& graph) {
  if (expected.size() != found.size()) {
    Fail(LNX_E_GRAPH_MISMATCH, {std::to_string(found.size()) + " " + kind, std::to_string(expected.size()), graph});
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const manifest::TensorSpec& e = expected[i];
    const runtime::IoInfo& f = found[i];
    bool same = e.name == f.name && e.dtype == f.dtype && e.shape.size() == f.shape.size();
    for (size_t d = 0; same && d < e.shape.size(); ++d) same = e.shape[d] < 0 || f.shape[d] < 0 || e.shape[d] == f.shape[d];
    if (!same) {
      std::string where = kind;
      where.append(" ").append(std::to_string(i)).append(" of ").append(graph);
      Fail(LNX_E_GRAPH_MISMATCH, {"\"" + f.name + "\" " + manifest::DTypeName(f.dtype) + " " + Shape(f.shape),
                                  "\"" + e.name + "\" " + manifest::DTypeName(e.dtype) + " " + Shape(e.shape), where});
    }
  }
}

}  // namespace

std::unique_ptr<runtime::Model> LoadGraph(container::Container& container, const manifest::Graph& graph,
                                          runtime::Runtime& runtime, const runtime::DeviceRequest& request,
                                          const std::string& form) {
  const Bytes weights = graph.weights.empty() ? Bytes{} : container.Read(graph.weights);
  const auto create = [&](Bytes onnx) { return runtime::Model::Create(runtime, onnx, weights, graph.weights_location, request); };
  const Bytes onnx = container.Read(graph.file);
  std::unique_ptr<runtime::Model> model =
      form.empty() ? create(onnx) : create(runtime::SpliceForm(onnx, container.Read(form)).bytes());
  container.Drop(graph.file);  // the runtime has its own form of them now
  if (!graph.weights.empty()) container.Drop(graph.weights);
  const std::string where = "the graph \"" + graph.id + "\"";
  CheckTensors(graph.inputs, model->inputs(), "inputs", where);
  CheckTensors(graph.outputs, model->outputs(), "outputs", where);
  return model;
}

manifest::TensorSpec RealInput(const manifest::Graph& graph, const runtime::Model& model) {
  manifest::TensorSpec input = graph.inputs[graph.image_input];
  const std::vector<int64_t>& real = model.inputs()[graph.image_input].shape;
  for (size_t d = 0; d < real.size(); ++d) {
    if (real[d] > 0 || d == 0) input.shape[d] = real[d];
  }
  return input;
}

}  // namespace lnx::session
