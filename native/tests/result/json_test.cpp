// A result as JSON and as a picture; the arena and the pool that it lives in.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "result/result.h"

namespace {

using namespace lnx;
using nlohmann::json;

std::shared_ptr<const manifest::Manifest> Labels(const std::string& name, const std::string& korean) {
  auto m = std::make_shared<manifest::Manifest>();
  m->name = "part \"A\"\\\n부품";
  m->version = "1";
  m->task = LNX_TASK_SEGMENTATION;
  m->labels = {{1, name, korean, 0x00FF00, {}, 0}};
  return m;
}

struct Given {
  explicit Given(std::shared_ptr<const manifest::Manifest> manifest)
      : pool(std::make_shared<result::Pool>(std::move(manifest))), storage(pool->Take(1)) {
    LnxSummary& summary = storage->images[0].summary;
    summary.task = LNX_TASK_SEGMENTATION;
    summary.image_width = 64;
    summary.image_height = 48;
    summary.verdict_reason = storage->arena.Text("tab\t quote\" back\\ 한글");
  }
  ~Given() { result::Pool::Give(storage); }
  Given(const Given&) = delete;
  Given& operator=(const Given&) = delete;
  result::ImageResult& image() { return storage->images[0]; }
  json Json() { return json::parse(result::ToJson(*storage, 0)); }

  std::shared_ptr<result::Pool> pool;
  result::Storage* storage;
};

// A square ring: an outline and a hole.
void AddRing(Given& given) {
  static const LnxPointF outline[] = {{10, 10}, {30, 10}, {30, 30}, {10, 30}}, hole[] = {{15, 15}, {15, 25}, {25, 25}, {25, 15}};
  LnxRegion region{};
  region.class_id = 1;
  region.score_max = 0.75f;
  region.area_px = 300;
  region.box = {10, 10, 30, 30};
  region.polygon_index = 0;
  region.polygon_count = 2;
  region.rle_index = -1;
  LnxPolygon first{}, second{};
  first.points = outline, first.point_count = 4, first.parent = -1;
  second.points = hole, second.point_count = 4, second.parent = 0;
  given.image().regions.Add(given.storage->arena, region);
  given.image().polygons.Add(given.storage->arena, first);
  given.image().polygons.Add(given.storage->arena, second);
}

TEST(Json, EscapesWhatMustBeAndKeepsKorean) {
  Given given(Labels("scr\"atch\n", "긁힘"));
  AddRing(given);
  const std::string text = result::ToJson(*given.storage, 0);
  EXPECT_EQ(text.find('\n'), std::string::npos) << "one line";
  EXPECT_NE(text.find("긁힘"), std::string::npos) << "Korean as itself, not as \\u";
  const json j = json::parse(text);
  EXPECT_EQ(j["model"]["name"], "part \"A\"\\\n부품");
  EXPECT_EQ(j["reason"], "tab\t quote\" back\\ 한글");
  EXPECT_EQ(j["regions"][0]["name"], "scr\"atch\n");
  EXPECT_EQ(j["regions"][0]["name_ko"], "긁힘");
  EXPECT_EQ(j["regions"][0]["polygons"][1]["hole"], true);
  EXPECT_EQ(j["regions"][0]["polygons"][0]["points"].size(), 4u);
  EXPECT_EQ(j["schema"], "lnx-result-1");
}

TEST(Json, HasNoNumberThatJsonDoesNotKnow) {
  Given given(Labels("a", ""));
  given.image().summary.score_raw = std::numeric_limits<float>::quiet_NaN();
  given.image().summary.threshold = std::numeric_limits<float>::infinity();
  const json j = given.Json();
  EXPECT_TRUE(j["score"].is_number());
  EXPECT_TRUE(j["threshold"].is_number());
}

TEST(Json, ReplacesBytesThatAreNoUtf8) {
  Given given(Labels("\xB8\xF0", ""));
  AddRing(given);
  EXPECT_FALSE(given.Json()["regions"][0]["name"].get<std::string>().empty());
}

TEST(Json, OfAnUnknownClassHasItsIdWithoutAName) {
  Given given(Labels("a", ""));
  LnxObject object{};
  object.class_id = 99;
  object.score = 0.5f;
  given.image().objects.Add(given.storage->arena, object);
  const json j = given.Json();
  EXPECT_EQ(j["objects"][0]["class_id"], 99);
  EXPECT_FALSE(j["objects"][0].contains("name"));
}

TEST(Drawing, LeavesHolesAndPaddingAsTheyAre) {
  Given given(Labels("a", ""));
  AddRing(given);
  constexpr int kWidth = 64, kHeight = 48, kStride = kWidth * 3 + 5;
  std::vector<uint8_t> pixels(static_cast<size_t>(kStride) * kHeight, 100);
  LnxDrawStyle style{};
  style.struct_size = sizeof style;
  style.fill_opacity = 1;
  style.hide_banner = 1;
  result::Draw(*given.storage, 0, style, {pixels.data(), kWidth, kHeight, kStride});
  const auto at = [&](int x, int y) { return &pixels[static_cast<size_t>(y * kStride + x * 3)]; };
  EXPECT_EQ(at(12, 28)[1], 255) << "filled with the label's colour";
  EXPECT_EQ(at(12, 28)[0], 0);
  EXPECT_EQ(at(20, 20)[1], 100) << "the hole shows the part";
  EXPECT_EQ(at(40, 40)[1], 100);
  for (int y = 0; y < kHeight; ++y) EXPECT_EQ(at(kWidth, y)[2], 100) << "bytes behind the row are not ours";
}

TEST(Drawing, OfWhatLiesOutsideTouchesNothingOutside) {
  Given given(Labels("가나다", ""));
  for (const LnxRectF box : {LnxRectF{-500, -500, -400, -400}, LnxRectF{-10, -10, 1000, 1000}, LnxRectF{60, 44, 70, 50}}) {
    LnxObject object{};
    object.class_id = 1;
    object.box = box;
    given.image().objects.Add(given.storage->arena, object);
  }
  LnxDrawStyle style{};
  style.struct_size = sizeof style;
  style.fill_opacity = -1;
  std::vector<uint8_t> pixels(64 * 48 * 3);  // exactly the picture: a sanitizer sees every byte beside it
  result::Draw(*given.storage, 0, style, {pixels.data(), 64, 48, 64 * 3});
  EXPECT_TRUE(std::any_of(pixels.begin(), pixels.end(), [](uint8_t v) { return v != 0; }));
  std::vector<uint8_t> dot(3);
  result::Draw(*given.storage, 0, style, {dot.data(), 1, 1, 3});
}

TEST(Arena, GivesAlignedMemoryThatDoesNotOverlapAndUsesItAgain) {
  result::Arena arena(64);
  std::vector<std::pair<uint8_t*, size_t>> blocks;
  for (size_t bytes : {1u, 7u, 64u, 100u, 5000u, 3u, 16u}) {
    auto* block = static_cast<uint8_t*>(arena.Allocate(bytes));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 16, 0u);
    std::fill(block, block + bytes, static_cast<uint8_t>(blocks.size() + 1));
    blocks.emplace_back(block, bytes);
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_TRUE(std::all_of(blocks[i].first, blocks[i].first + blocks[i].second,
                            [&](uint8_t v) { return v == static_cast<uint8_t>(i + 1); }));
  }
  arena.Reset();
  EXPECT_EQ(arena.Allocate(1), blocks[0].first);
  EXPECT_STREQ(arena.Text("한글"), "한글");
}

TEST(Pool, OutlivesItsSessionAsLongAsAResultIsHeld) {
  result::Storage* held = nullptr;
  {
    const auto pool = std::make_shared<result::Pool>(Labels("a", ""));
    held = pool->Take(2);
    result::Pool::Give(pool->Take(1));
  }
  EXPECT_EQ(held->images.size(), 2u);
  EXPECT_EQ(held->manifest->labels[0].name, "a");
  result::Pool::Give(held);
}

TEST(Pool, IsUsedFromManyThreads) {
  const auto pool = std::make_shared<result::Pool>(Labels("a", ""));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        result::Storage* storage = pool->Take(1 + static_cast<uint32_t>(t) % 3);
        storage->images[0].summary.user_tag = static_cast<uint64_t>(t);
        storage->arena.Allocate(static_cast<size_t>(i) * 10);
        EXPECT_EQ(storage->images[0].summary.user_tag, static_cast<uint64_t>(t));
        result::Pool::Give(storage);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
