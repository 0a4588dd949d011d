// Graphs of a container on a device. Internal to session/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "container/container.h"
#include "manifest/manifest.h"
#include "runtime/runtime.h"

namespace lnx::session {

// Loads a graph and checks that it is the one that the manifest describes. Its entries are dropped from memory afterwards.
// form: entry of the form for GPUs that takes the place of its inputs and outputs, "" = as it is.
// LNX_E_GRAPH_MISMATCH, and the errors of runtime::Model::Create.
std::unique_ptr<runtime::Model> LoadGraph(container::Container& container, const manifest::Graph& graph,
                                          runtime::Runtime& runtime, const runtime::DeviceRequest& request,
                                          const std::string& form = "");

// The input of a graph as it really is: sides that the graph leaves open are those of the manifest.
manifest::TensorSpec RealInput(const manifest::Graph& graph, const runtime::Model& model);

}  // namespace lnx::session
