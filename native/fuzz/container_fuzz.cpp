// libFuzzer: the container reader on any bytes. The first byte chooses how deep the input may get, since a fuzzer cannot forge
// signatures: the file as it is; the recipients alone; the signatures alone; or parts that the forge signs, hashes and encrypts
// with its own key, so that the public manifest, the chunks, the entry table and the entries are reached with broken content.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/status.h"
#include "container/container.h"
#include "container/forge.h"
#include "container/preamble.h"
#include "container/recipients.h"
#include "container/trust.h"
#include "crypto/crypto.h"

namespace {

using namespace lnx;

// Reads the parts of a forged container: fixed settings first, then texts with their lengths in front.
class Parts {
 public:
  explicit Parts(Bytes input) : input_(input) {}

  uint8_t Byte() { return at_ < input_.size ? input_[at_++] : 0; }
  uint32_t Word() {
    const uint32_t low = Byte();
    return low | static_cast<uint32_t>(Byte()) << 8;
  }
  std::string Text() {
    const size_t bytes = std::min<size_t>(Word(), input_.size - at_);
    const std::string text(reinterpret_cast<const char*>(input_.data) + at_, bytes);
    at_ += bytes;
    return text;
  }
  std::string Rest() { return std::string(reinterpret_cast<const char*>(input_.data) + at_, input_.size - at_); }

 private:
  Bytes input_;
  size_t at_ = 0;
};

forge::Plan ReadPlan(Bytes input) {
  Parts parts(input);
  forge::Plan plan;
  plan.chunk_log2 = static_cast<uint8_t>(12 + parts.Byte() % 13);
  const uint8_t flags = parts.Byte();
  plan.commit_to_another_key = flags & 1;
  plan.wrong_mac = flags & 2;
  const uint32_t edits = flags >> 2 & 3;
  std::vector<std::pair<size_t, uint8_t>> preamble_edits;
  for (uint32_t i = 0; i < edits; ++i) {
    const size_t offset = parts.Byte() % 128;
    preamble_edits.emplace_back(offset, parts.Byte());
  }
  plan.edit_preamble = [preamble_edits](forge::Buffer* bytes) {
    for (const auto& [offset, value] : preamble_edits) (*bytes)[offset] = value;
  };
  const uint32_t at = parts.Word();
  const uint8_t flip = parts.Byte();
  plan.edit_chunks = [at, flip](forge::Buffer* cipher) {
    if (at < cipher->size()) (*cipher)[at] = static_cast<uint8_t>((*cipher)[at] ^ flip);
  };
  const std::string manifest = parts.Text();
  if (!manifest.empty()) plan.manifest = manifest;
  plan.recipients = parts.Text();
  plan.signatures = parts.Text();
  const std::string table = parts.Text();
  if (flags & 16) {
    const std::string raw = parts.Rest();
    plan.payload.assign(raw.begin(), raw.end());
    if (plan.payload.empty()) plan.payload.push_back(0);
  } else if (table.empty()) {
    plan.payload = forge::Payload({{"manifest.json", parts.Rest()}});
  } else {
    plan.payload = forge::PayloadWithTable(table, parts.Rest());
  }
  return plan;
}

void OpenForged(Bytes input) {
  const forge::Buffer file = forge::Build(ReadPlan(input));
  container::KeyRing keys;
  keys.families.push_back({"fam", {}});
  auto opened = container::Container::Open(Bytes{file.data(), file.size()}, "fuzz", forge::Trust(), keys);
  const std::vector<container::Entry> entries = opened.entries();
  for (const container::Entry& entry : entries) {
    try {
      const Bytes content = opened.Read(entry.name);
      if (crypto::Sha256(content) != entry.sha256) std::abort();  // every byte is readable, and is what the table says
      opened.Drop(entry.name);
    } catch (const Error&) {
      continue;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const Bytes input{data + 1, size - 1};
  try {
    switch (data[0] % 4) {
      case 0:
        container::Container::Open(input, "fuzz", forge::Trust(), {});
        break;
      case 1: {
        // Straight to the unsigned recipients, which are read before any secret is known.
        uint8_t header[128] = {};
        container::Preamble preamble;
        preamble.salt = {header + 32, 32};
        preamble.commitment = {header + 64, 32};
        container::FindContentKey(input, preamble, {}, {}, "fuzz");
        break;
      }
      case 2:
        container::CheckSignature(input, {data, 1}, forge::Trust(), "fuzz");
        break;
      default:
        OpenForged(input);
    }
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
