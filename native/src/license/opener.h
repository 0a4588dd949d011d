// Finds the licence for a container that needs one, and the keys in it. Made anew for each open; what it leaves behind is the
// guard of the licence that opened.
//
// Search: the file or folder that the caller names; else LNX_LICENSE_DIR or the product's folder (*.lic); then what lies on the
// tokens. Of the licences that count, those that carry the family's key and allow the model today are tried; the first whose
// dongle is there opens. One that is over, or whose dongle is elsewhere, is never in the way of another.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "container/container.h"
#include "license/guard.h"

namespace lnx::license {

struct OpenOptions {
  std::string license_file;   // file or folder; "" = search
  bool has_own_keys = false;  // the caller gave family keys: then a missing licence is not what is wrong
  int64_t wait_ms = 0;        // for the dongle, and for a licence that lies on one; 0 = as the licence says (boot_s)
  // Called while the dongle is waited for; throws to give up.
  std::function<void()> waiting;
};

class Opener final : public container::KeySource {
 public:
  Opener(OpenOptions options, const container::TrustStore& trust, Environment environment = Environment::Default());

  bool Family(const container::PublicManifest& model, const std::string& kid, crypto::Key256* key) override;
  bool Direct(const container::PublicManifest& model, const container::SealedKey& sealed, crypto::Key256* content_key) override;
  void Refuse(const container::PublicManifest& model) override;

  // The guard of the licence that opened; NULL when none was needed.
  std::shared_ptr<Guard> guard() const { return guard_; }
  // To be called once the container is open: from now on an older epoch of this model is refused here.
  void Opened(const container::PublicManifest& model);

 private:
  using Licenses = std::vector<std::shared_ptr<const License>>;

  void Search();
  void TakeFile(const std::string& path, Licenses* found);
  void TakeFolder(const std::string& folder, Licenses* found);
  void TakeTokens(Licenses* found);
  std::string ReadTokens(Licenses* found);
  std::shared_ptr<Guard> Ready(const Licenses& licenses, const container::PublicManifest& model);
  void RequireAllowed(const License& license, const container::PublicManifest& model) const;
  Renewals RenewalsOf(const std::shared_ptr<const License>& license) const;
  bool IsPluggedIn(const License& license) const;

  OpenOptions options_;
  const container::TrustStore& trust_;
  Environment environment_;
  bool searched_ = false;
  Licenses licenses_;
  std::string places_;                   // where was looked, for people
  std::vector<std::exception_ptr> bad_;  // licence files that are not usable
  std::shared_ptr<Guard> guard_;
};

}  // namespace lnx::license
