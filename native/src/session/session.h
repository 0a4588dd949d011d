// An initialised model on a device. Owns the ONNX session, the run slots, the submit queue and the parameters in force.
// api/ is a thin shell around this class.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lnx/lnx.h"
#include "result/result.h"

namespace lnx::session {

class Session {
 public:
  // Everything LnxInitialize promises. options is complete (defaults filled in by api/).
  static std::unique_ptr<Session> Initialize(const std::string& model_path, const LnxInitOptions& options);
  ~Session();  // waits for runs in flight, drops uncollected tickets

  // options may be NULL. The caller gives the storage back with result::Pool::Give.
  result::Storage* Run(const LnxImage* images, uint32_t n, const LnxRunOptions* options);
  // One result per part of one image; any number of them, in batches of at most max_batch.
  result::Storage* RunRois(const LnxImage& image, const LnxRect* rois, uint32_t n, const LnxRunOptions* options);
  LnxTicket Submit(const LnxImage* images, uint32_t n, const LnxRunOptions* options);
  result::Storage* Wait(LnxTicket ticket, uint32_t timeout_ms);

  void SetParam(const std::string& key, const LnxValue& value);
  void GetParam(const std::string& key, LnxValue* value);
  std::string DescribeJson() const;
  // Returns false when a stage is outside its tolerance.
  bool SelfTest(LnxSelfTestReport* report);
  void License(LnxLicenseInfo* info) const;
  std::string FeaturesJson() const;

  void RecordStart(const LnxRecordOptions& options);  // complete, as for Initialize
  std::string RecordSave(const std::string& reason);
  void RecordState(LnxRecordInfo* info) const;
  void RecordStop();

 private:
  struct State;
  result::Storage* RunMany(const LnxImage* images, const LnxRect* rois, uint32_t n, const LnxRunOptions* options);
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lnx::session
