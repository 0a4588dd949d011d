#include "session/recording_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/platform.h"
#include "base/status.h"
#include "crypto/hpke.h"
#include "image/image.h"

namespace lnx::session {
namespace {

using nlohmann::ordered_json;

constexpr size_t kChunk = 1 << 20;
constexpr size_t kTag = 16;
constexpr uint8_t kMagic[8] = {'L', 'N', 'X', 'R', 'E', 'C', 0, 1};
constexpr const char* kInfo = "lnx/1 recording-key";

Bytes View(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

std::string Hex(const uint8_t* bytes, size_t n) {
  static const char* digits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < n; ++i) text += {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
  return text;
}

std::string Dump(const ordered_json& json) { return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

std::array<uint8_t, 4> Number32(size_t value) {
  return {static_cast<uint8_t>(value), static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 24)};
}

// NaN becomes null.
ordered_json Params(const result::RunParams& p) {
  return {{"threshold", p.threshold},
          {"guard_band", p.guard_band},
          {"min_area_px", p.min_area_px},
          {"nms_iou", p.nms_iou},
          {"mask_threshold", p.mask_threshold},
          {"max_objects", p.max_objects},
          {"top_k", p.top_k},
          {"want", p.want},
          {"class_threshold", p.class_threshold},
          {"class_min_area_px", p.class_min_area}};
}

ordered_json IndexOf(const RecordedRun& run, uint64_t* offset) {
  ordered_json pictures = ordered_json::array(), images = ordered_json::array(), results = ordered_json::array();
  for (const RecordedRun::Picture& p : run.pictures) {
    pictures.push_back({{"offset", *offset + p.begin},
                        {"bytes", p.bytes},
                        {"width", p.width},
                        {"height", p.height},
                        {"pixel_format", image::FormatName(p.format)},
                        {"pixel_format_id", p.format},
                        {"valid_bits", p.valid_bits}});
  }
  *offset += run.pixels.size();
  for (const RecordedRun::Image& i : run.images) {
    images.push_back({{"picture", i.picture}, {"roi", {i.roi.x, i.roi.y, i.roi.width, i.roi.height}}, {"user_tag", i.user_tag}});
  }
  for (uint32_t i = 0; run.result != nullptr && i < run.result->images.size(); ++i) {
    const crypto::Digest digest = result::DigestOf(*run.result, i);
    results.push_back(
        {{"digest", Hex(digest.data(), digest.size())}, {"result", ordered_json::parse(result::ToJson(*run.result, i))}});
  }
  return {{"time_unix_nano", run.unix_nanos},
          {"status", run.status},
          {"error", run.error},
          {"params", Params(run.params)},
          {"pictures", pictures},
          {"images", images},
          {"results", results}};
}

// Cuts a stream into chunks, seals each and writes it.
class Sealed {
 public:
  Sealed(std::FILE* file, const crypto::Key256& key, const crypto::Digest& bound)
      : file_(file), cipher_({key.data(), key.size()}), bound_(bound), plain_(kChunk), out_(kChunk + kTag) {}
  ~Sealed() { platform::SecureWipe(plain_.data(), plain_.size()); }
  Sealed(const Sealed&) = delete;
  Sealed& operator=(const Sealed&) = delete;

  void Add(Bytes data) {
    while (data.size > 0) {
      if (filled_ == kChunk) Flush(false);  // only now is it known not to be the last
      const size_t n = std::min(kChunk - filled_, data.size);
      std::memcpy(plain_.data() + filled_, data.data, n);
      filled_ += n;
      data = {data.data + n, data.size - n};
    }
  }
  void Finish() { Flush(true); }
  bool good() const { return good_; }

 private:
  void Flush(bool last) {
    uint8_t nonce[12] = {};
    for (int i = 0; i < 4; ++i) nonce[7 + i] = static_cast<uint8_t>(number_ >> (8 * (3 - i)));
    nonce[11] = last ? 1 : 0;
    cipher_.Encrypt({nonce, sizeof nonce}, {bound_.data(), bound_.size()}, {plain_.data(), filled_}, out_.data());
    good_ = good_ && std::fwrite(out_.data(), 1, filled_ + kTag, file_) == filled_ + kTag;
    ++number_;
    filled_ = 0;
  }

  std::FILE* file_;
  crypto::AesGcm cipher_;
  crypto::Digest bound_;
  std::vector<uint8_t> plain_, out_;
  size_t filled_ = 0;
  uint32_t number_ = 0;
  bool good_ = true;
};

}  // namespace

void RecordedRun::Forget() noexcept {
  if (result != nullptr) result::Pool::Give(result);
  result = nullptr;
  pixels.clear();
  pictures.clear();
  images.clear();
  error.clear();
  status = LNX_OK;
}

void WriteRecording(const std::string& path, const crypto::Point256& key, const RecordingFacts& facts, const std::string& reason,
                    const std::vector<std::unique_ptr<RecordedRun>>& runs) {
  const manifest::Manifest& m = *facts.manifest;
  ordered_json list = ordered_json::array();
  uint64_t offset = 0;
  for (const std::unique_ptr<RecordedRun>& run : runs) list.push_back(IndexOf(*run, &offset));
  ordered_json labels = ordered_json::array();
  for (const manifest::Label& label : m.labels) labels.push_back(label.name);
  const std::string index = Dump({{"session",
                                   {{"device", facts.device},
                                    {"provider", facts.provider},
                                    {"runtime", facts.runtime},
                                    {"sdk", LNX_VERSION},
                                    {"path", facts.processor_path},
                                    {"cpu_threads", facts.cpu_threads},
                                    {"max_batch", facts.max_batch},
                                    {"tile", {facts.tile_width, facts.tile_height}},
                                    {"tile_overlap", facts.tile_overlap}}},
                                  {"labels", labels},
                                  {"runs", list}});

  crypto::Key256 content;
  crypto::RandomBytes(content.data(), content.size());
  const std::string key_id = Hex(crypto::Sha256({key.data(), key.size()}).data(), 8);
  const std::string info = kInfo;
  const crypto::HpkeSealed sealed =
      crypto::HpkeSeal({key.data(), key.size()}, View(info), View(key_id), {content.data(), content.size()});
  const std::string head = Dump({{"format", "lnx-recording-1"},
                                 {"model", {{"name", m.name}, {"version", m.version}, {"sha256", facts.model_sha256}}},
                                 {"reason", reason},
                                 {"runs", runs.size()},
                                 {"first_unix_nano", runs.empty() ? 0 : runs.front()->unix_nanos},
                                 {"last_unix_nano", runs.empty() ? 0 : runs.back()->unix_nanos},
                                 {"key", key_id},
                                 {"enc", Hex(sealed.enc.data(), sealed.enc.size())},
                                 {"sealed", Hex(sealed.ciphertext.data(), sealed.ciphertext.size())}});
  std::string front(reinterpret_cast<const char*>(kMagic), sizeof kMagic);
  const std::array<uint8_t, 4> head_bytes = Number32(head.size());
  front.append(reinterpret_cast<const char*>(head_bytes.data()), head_bytes.size()).append(head);

  const std::string unfinished = path + ".part";
  platform::RemoveFile(unfinished);
  std::FILE* file = platform::OpenForAppend(unfinished);
  if (file == nullptr) {
    Fail(LNX_E_FILE_ACCESS, {platform::OsErrorText(errno), "a folder that this account may write to", unfinished});
  }
  bool good = std::fwrite(front.data(), 1, front.size(), file) == front.size();
  {
    Sealed out(file, content, crypto::Sha256(View(front)));
    platform::SecureWipe(content.data(), content.size());
    const std::array<uint8_t, 4> index_bytes = Number32(index.size());
    out.Add({index_bytes.data(), index_bytes.size()});
    out.Add(View(index));
    for (const std::unique_ptr<RecordedRun>& run : runs) out.Add({run->pixels.data(), run->pixels.size()});
    out.Finish();
    good = good && out.good();
  }
  platform::FlushToDisk(file);
  good = std::ferror(file) == 0 && good;
  good = std::fclose(file) == 0 && good;
  if (!good || !platform::RenameFile(unfinished, path)) {
    const std::string reason_text = platform::OsErrorText(errno);
    platform::RemoveFile(unfinished);
    Fail(LNX_E_FILE_ACCESS, {reason_text, "room for the recording", path});
  }
}

std::string EventJson(const RecordingFacts& facts, const std::string& reason, const std::string& path, size_t runs) {
  const size_t slash = path.find_last_of("/\\");
  return Dump({{"model", facts.manifest->name},
               {"file", slash == std::string::npos ? path : path.substr(slash + 1)},
               {"reason", reason},
               {"runs", runs}});
}

}  // namespace lnx::session
