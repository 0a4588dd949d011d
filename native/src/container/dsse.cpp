#include "container/dsse.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/status.h"
#include "base/utf8.h"
#include "container/base64.h"
#include "crypto/crypto.h"

namespace lnx::container {
namespace {

using nlohmann::json;

constexpr size_t kMaxSignatures = 8;
constexpr int kMaxDepth = 64;

bool HasExactly(const json& object, std::initializer_list<const char*> names) {
  return object.is_object() && object.size() == names.size() &&
         std::all_of(names.begin(), names.end(), [&](const char* name) { return object.contains(name); });
}

}  // namespace

void Refusal::operator()(const std::string& found, const std::string& expected) const { Fail(status, {found, expected, where}); }

std::vector<uint8_t> PreAuthentication(const std::string& type, Bytes body) {
  const std::string head = "DSSEv1 " + std::to_string(type.size()) + " " + type + " " + std::to_string(body.size) + " ";
  std::vector<uint8_t> text(head.begin(), head.end());
  text.insert(text.end(), body.begin(), body.end());
  return text;
}

json ParseStrict(Bytes text, const Refusal& refuse) {
  bool twice = false, deep = false;
  std::vector<std::set<std::string>> members;
  const json::parser_callback_t watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth) deep = true;
    if (event == json::parse_event_t::object_start) members.emplace_back();
    if (event == json::parse_event_t::object_end && !members.empty()) members.pop_back();
    if (event == json::parse_event_t::key && !members.empty())
      twice = !members.back().insert(parsed.get<std::string>()).second || twice;
    return !deep;
  };
  if (text.size >= 3 && text[0] == 0xEF) refuse("a byte-order mark", "JSON in UTF-8");
  json document = json::parse(text.begin(), text.end(), watch, false);
  if (deep) refuse("JSON that is nested too deeply", "JSON of a few levels");
  if (document.is_discarded()) refuse("no readable JSON", "JSON in UTF-8");
  if (twice) refuse("a member that stands twice", "each member once");
  return document;
}

Envelope ParseEnvelope(const json& document, const std::string& type, const Refusal& refuse) {
  if (!HasExactly(document, {"payloadType", "payload", "signatures"})) {
    refuse("another structure", "an object of \"payloadType\", \"payload\" and \"signatures\" alone");
  }
  if (document["payloadType"] != type) refuse("another type", "type \"" + type + "\"");
  Envelope envelope;
  if (!document["payload"].is_string() || !DecodeBase64(document["payload"].get<std::string>(), &envelope.payload)) {
    refuse("a payload that is not base64", "canonical base64");
  }
  const json& listed = document["signatures"];
  if (!listed.is_array() || listed.empty() || listed.size() > kMaxSignatures)
    refuse("no list of signatures", "1 to 8 signatures");
  for (const json& item : listed) {
    EnvelopeSignature signature;
    if (!HasExactly(item, {"keyid", "sig"}) || !item["keyid"].is_string() || !item["sig"].is_string() ||
        !DecodeBase64(item["sig"].get<std::string>(), &signature.raw) || signature.raw.size() != 64) {
      refuse("a malformed signature", "{\"keyid\": 16 hex digits, \"sig\": base64 of 64 bytes}");
    }
    signature.keyid = item["keyid"].get<std::string>();
    envelope.signatures.push_back(std::move(signature));
  }
  envelope.message = PreAuthentication(type, {envelope.payload.data(), envelope.payload.size()});
  return envelope;
}

std::string SignedBy(const Envelope& envelope, const std::vector<NamedKey>& keys, bool* known) {
  *known = false;
  for (const EnvelopeSignature& signature : envelope.signatures) {
    for (const NamedKey& key : keys) {
      if (key.keyid != signature.keyid) continue;
      *known = true;
      if (crypto::VerifyP256(key.point, {envelope.message.data(), envelope.message.size()},
                             {signature.raw.data(), signature.raw.size()})) {
        return key.keyid;
      }
    }
  }
  return "";
}

std::string Signers(const Envelope& envelope) {
  std::string names;
  for (const EnvelopeSignature& signature : envelope.signatures) {
    names += (names.empty() ? "" : ", ") + Shortened(signature.keyid, 16);
  }
  return names;
}

}  // namespace lnx::container
