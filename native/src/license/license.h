// Licences: signed terms (docs/reference/licence.md, the plain twin is licensing/lnx_licensing/licence.py). The file is hostile
// until its signature holds, and read strictly: each single bit of it matters.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/span.h"
#include "container/container.h"
#include "crypto/crypto.h"
#include "license/features.h"

namespace lnx::license {

constexpr size_t kMaxLicenseBytes = 256 << 10;
constexpr int64_t kNever = container::kAlways;
constexpr int64_t kEvaluationSeconds = 90LL * 86400;

struct Dongle {
  crypto::Point256 point{};
  std::string keyid, serial;
  bool software = false;  // a key file: evaluation
  bool spare = false;
};

struct LicensedModel {
  std::string model_id;
  uint64_t min_epoch = 0;
  int64_t not_after = kNever;
};

struct WrappedKey {
  std::string kid, to;
  std::vector<uint8_t> enc, ciphertext;
};

struct Grace {
  uint32_t boot_s = 120, unplug_s = 60, expired_h = 72;
};

struct License {
  std::string license_id, replaces, customer, product, edition;
  uint32_t issue = 0;
  int64_t issued_at = 0, not_before = -kNever, not_after = kNever, maintenance_until = kNever;  // Unix seconds
  uint32_t warn_days = 30;
  std::vector<Dongle> dongles;
  std::vector<LicensedModel> models;  // empty = every model whose family key is carried
  std::vector<WrappedKey> keys;
  std::vector<std::string> revokes, runtime_sha256;
  Features features;
  Grace grace;
  bool evaluation = false;
  std::string where;  // file or token it came from

  const Dongle* FindDongle(const std::string& keyid) const;
};

// LNX_E_LICENSE_FORMAT, _VERSION, _SIGNATURE, _UNTRUSTED, LNX_E_KEY_LIST, LNX_E_CORE_TOO_OLD.
License Verify(Bytes file, const container::TrustStore& trust, const std::string& where);

// What binds a wrapped family key to its licence.
std::vector<uint8_t> WrapInfo(const License& license);

// LNX_E_MODEL_NOT_LICENSED, LNX_E_MODEL_ROLLED_BACK, LNX_E_MAINTENANCE_EXPIRED.
void RequireModel(const License& license, const container::PublicManifest& model, int64_t now);

// Whether `other` may stand for `own` in sessions that run: it is for one of its dongles, carries all of its families and allows
// no model less.
bool StandsFor(const License& other, const License& own);

// The licences that count: none that another one replaces or revokes, and per dongle the one with the highest issue. Highest
// issue first.
std::vector<std::shared_ptr<const License>> Counting(std::vector<std::shared_ptr<const License>> all);

}  // namespace lnx::license
