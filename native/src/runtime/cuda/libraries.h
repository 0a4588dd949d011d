// The NVIDIA libraries that belong to a GPU build of ONNX Runtime: where they lie, which are missing, and bringing them into the
// process by full path before ONNX Runtime asks for them by bare name.
#pragma once

#include <string>
#include <vector>

namespace lnx::runtime::cuda {

std::string ProviderPath(const std::string& runtime_path);  // of onnxruntime_providers_cuda beside a runtime

// 12 or 13: the CUDA that the provider beside this runtime is built for. 0 when there is none, or it cannot be told.
int CudaMajorOf(const std::string& runtime_path);

// The order in which libraries are loaded: what others need comes first, cuDNN's parts before cuDNN itself. Names as files.
std::vector<std::string> LoadOrder(std::vector<std::string> paths);

struct Preloaded {
  std::vector<std::string> loaded;  // full paths
  std::vector<std::string> failed;  // "path: the system's words"
};
// Loads everything beside the runtime and in the nvidia-* packages of the same Python environment, once per process. Windows:
// their folders are searched from then on. Never touches onnxruntime_providers_cuda, which crashes when it is loaded by anybody
// else.
Preloaded Preload(const std::string& runtime_path);

// Libraries that the provider beside the runtime imports and that are neither there nor in the system.
std::vector<std::string> Missing(const std::string& runtime_path);

}  // namespace lnx::runtime::cuda
