// The parameters of a session: typed, listed, validated, and read as one set so that a run never sees half a change.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "lnx/lnx.h"
#include "manifest/manifest.h"
#include "result/result.h"

namespace lnx::session {

class Parameters {
 public:
  Parameters(std::shared_ptr<const manifest::Manifest> manifest, const LnxInitOptions& options);

  // LNX_E_PARAM_UNKNOWN, _TYPE, _RANGE. Writes the event lnx.parameter.change.
  void Set(const std::string& key, const LnxValue& value);
  void Get(const std::string& key, LnxValue* value) const;
  std::string ListJson() const;  // [{"key","type","min","max","value"}]

  // Copies the set in force into storage of the run slot, then applies the run's own options. Allocates only the first time.
  void Resolve(const LnxRunOptions* options, result::RunParams* out) const;

 private:
  double Read(size_t definition, size_t label) const;
  void Write(size_t definition, size_t label, double value);
  void Find(const std::string& key, size_t* definition, size_t* label) const;

  std::shared_ptr<const manifest::Manifest> manifest_;
  mutable std::mutex mutex_;
  result::RunParams current_;
};

}  // namespace lnx::session
