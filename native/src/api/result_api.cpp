// LnxResult...: views into a result. A result is immutable, so nothing here locks.
#include <cmath>
#include <cstring>
#include <string>

#include "api/boundary.h"
#include "image/camera.h"
#include "image/image.h"
#include "result/result.h"

using namespace lnx;
using namespace lnx::api;

namespace {

const result::Storage& StorageOf(LnxResult result) {
  RequirePointer(result, "result");
  return *reinterpret_cast<const result::Storage*>(result);
}

const result::ImageResult& ImageOf(LnxResult result, uint32_t i) {
  const result::Storage& storage = StorageOf(result);
  if (i >= storage.images.size()) {
    Fail(LNX_E_INDEX, {"image " + std::to_string(i), "0 .. " + std::to_string(storage.images.size() - 1), "i"});
  }
  return storage.images[i];
}

template <typename Item>
LnxStatus View(const char* function, LnxResult result, uint32_t i, result::List<Item> result::ImageResult::* list,
               const Item** items, uint32_t* n) noexcept {
  return Guarded(function, [&] {
    RequirePointer(items, "items");
    RequirePointer(n, "n");
    const result::List<Item>& found = ImageOf(result, i).*list;
    *items = found.data();
    *n = found.size();
  });
}

// Brings the background onto the canvas as 8-bit BGR.
void CopyBackground(const LnxImage& background, const result::Canvas& canvas) {
  if (background.struct_size != sizeof(LnxImage)) {
    Fail(LNX_E_STRUCT_SIZE,
         {"struct_size = " + std::to_string(background.struct_size), std::to_string(sizeof(LnxImage)), "background"});
  }
  LnxImage whole = background;
  whole.roi = {0, 0, 0, 0};
  LnxRect rect;
  image::Developed developed;
  const image::View view = image::Develop(image::CheckImage(whole, &rect), nullptr, &developed);
  if (view.width != canvas.width || view.height != canvas.height) {
    Fail(LNX_E_IMAGE_SIZE, {std::to_string(view.width) + " x " + std::to_string(view.height),
                            std::to_string(canvas.width) + " x " + std::to_string(canvas.height), "background"});
  }
  const uint32_t shift = view.valid_bits > 8 ? view.valid_bits - 8 : 0;
  for (int32_t y = 0; y < view.height; ++y) {
    const uint8_t* from = view.Row(y);
    uint8_t* to = canvas.data + y * canvas.stride;
    switch (view.format) {
      case LNX_PIXEL_BGR8:
        if (to != from) std::memmove(to, from, static_cast<size_t>(view.width) * 3);
        break;
      case LNX_PIXEL_RGB8:
        for (int32_t x = 0; x < view.width; ++x, from += 3, to += 3) {
          const uint8_t r = from[0], g = from[1], b = from[2];
          to[0] = b, to[1] = g, to[2] = r;
        }
        break;
      case LNX_PIXEL_BGRA8:
        for (int32_t x = 0; x < view.width; ++x, from += 4, to += 3) to[0] = from[0], to[1] = from[1], to[2] = from[2];
        break;
      case LNX_PIXEL_RGBA8:
        for (int32_t x = 0; x < view.width; ++x, from += 4, to += 3) to[0] = from[2], to[1] = from[1], to[2] = from[0];
        break;
      case LNX_PIXEL_GRAY8:
        for (int32_t x = 0; x < view.width; ++x, to += 3) to[0] = to[1] = to[2] = from[x];
        break;
      case LNX_PIXEL_GRAY16:
        for (int32_t x = 0; x < view.width; ++x, to += 3) {
          uint16_t value;
          std::memcpy(&value, from + 2 * x, 2);
          const uint32_t level = static_cast<uint32_t>(value) >> shift;
          to[0] = to[1] = to[2] = static_cast<uint8_t>(level > 255 ? 255 : level);
        }
        break;
      default:
        Fail(LNX_E_IMAGE_FORMAT, {image::FormatName(view.format), "GRAY8, GRAY16, BGR8, RGB8, BGRA8 or RGBA8", "background"});
    }
  }
}

result::Canvas CanvasOf(const LnxImage* canvas, const LnxSummary& summary) {
  RequirePointer(canvas, "canvas");
  if (canvas->struct_size != sizeof(LnxImage)) {
    Fail(LNX_E_STRUCT_SIZE, {"struct_size = " + std::to_string(canvas->struct_size), std::to_string(sizeof(LnxImage)), "canvas"});
  }
  if (canvas->pixel_format != LNX_PIXEL_BGR8) {
    Fail(LNX_E_IMAGE_FORMAT, {image::FormatName(canvas->pixel_format), "BGR8", "canvas"});
  }
  LnxImage whole = *canvas;
  whole.roi = {0, 0, 0, 0};
  LnxRect rect;
  const image::View view = image::CheckImage(whole, &rect);
  if (view.width != summary.image_width || view.height != summary.image_height) {
    Fail(LNX_E_IMAGE_SIZE, {std::to_string(view.width) + " x " + std::to_string(view.height),
                            std::to_string(summary.image_width) + " x " + std::to_string(summary.image_height), "canvas"});
  }
  return {const_cast<uint8_t*>(view.data), view.width, view.height, view.stride};  // the caller gave it to be written
}

}  // namespace

extern "C" {

LnxStatus LNX_CALL LnxResultCount(LnxResult result, uint32_t* n) {
  return Guarded("LnxResultCount", [&] {
    RequirePointer(n, "n");
    *n = static_cast<uint32_t>(StorageOf(result).images.size());
  });
}

LnxStatus LNX_CALL LnxResultSummary(LnxResult result, uint32_t i, LnxSummary* summary) {
  return Guarded("LnxResultSummary", [&] {
    RequirePointer(summary, "summary");
    WriteStruct(summary, static_cast<uint32_t>(sizeof(LnxSummary)), "summary", ImageOf(result, i).summary);
  });
}

LnxStatus LNX_CALL LnxResultClasses(LnxResult result, uint32_t i, const LnxClass** items, uint32_t* n) {
  return View("LnxResultClasses", result, i, &result::ImageResult::classes, items, n);
}
LnxStatus LNX_CALL LnxResultObjects(LnxResult result, uint32_t i, const LnxObject** items, uint32_t* n) {
  return View("LnxResultObjects", result, i, &result::ImageResult::objects, items, n);
}
LnxStatus LNX_CALL LnxResultRegions(LnxResult result, uint32_t i, const LnxRegion** items, uint32_t* n) {
  return View("LnxResultRegions", result, i, &result::ImageResult::regions, items, n);
}
LnxStatus LNX_CALL LnxResultPolygons(LnxResult result, uint32_t i, const LnxPolygon** items, uint32_t* n) {
  return View("LnxResultPolygons", result, i, &result::ImageResult::polygons, items, n);
}
LnxStatus LNX_CALL LnxResultRles(LnxResult result, uint32_t i, const LnxRle** items, uint32_t* n) {
  return View("LnxResultRles", result, i, &result::ImageResult::rles, items, n);
}
LnxStatus LNX_CALL LnxResultTexts(LnxResult result, uint32_t i, const LnxText** items, uint32_t* n) {
  return View("LnxResultTexts", result, i, &result::ImageResult::texts, items, n);
}
LnxStatus LNX_CALL LnxResultRows(LnxResult result, uint32_t i, const LnxRow** items, uint32_t* n) {
  return View("LnxResultRows", result, i, &result::ImageResult::rows, items, n);
}

LnxStatus LNX_CALL LnxResultPlane(LnxResult result, uint32_t i, LnxPlaneKind kind, LnxPlane* plane) {
  return Guarded("LnxResultPlane", [&] {
    RequirePointer(plane, "plane");
    for (const LnxPlane& candidate : ImageOf(result, i).planes) {
      if (candidate.kind == kind) {
        *plane = candidate;
        return;
      }
    }
    Fail(LNX_E_UNSUPPORTED, {"no plane of kind " + std::to_string(kind), "a plane that was asked for with `want`", "kind"});
  });
}

LnxStatus LNX_CALL LnxResultToJson(LnxResult result, uint32_t i, char* buffer, uint32_t capacity, uint32_t* needed) {
  return Guarded("LnxResultToJson", [&] {
    ImageOf(result, i);
    WriteText(result::ToJson(StorageOf(result), i), buffer, capacity, needed);
  });
}

LnxStatus LNX_CALL LnxResultDigest(LnxResult result, uint32_t i, uint8_t digest[32]) {
  return Guarded("LnxResultDigest", [&] {
    RequirePointer(digest, "digest");
    ImageOf(result, i);
    const crypto::Digest value = result::DigestOf(StorageOf(result), i);
    std::copy(value.begin(), value.end(), digest);
  });
}

LnxStatus LNX_CALL LnxResultDraw(LnxResult result, uint32_t i, const LnxImage* background, const LnxDrawStyle* style,
                                 const LnxImage* canvas) {
  return Guarded("LnxResultDraw", [&] {
    const result::Canvas target = CanvasOf(canvas, ImageOf(result, i).summary);
    LnxDrawStyle complete;
    LnxDrawStyleInit(&complete);
    ReadStruct(style, static_cast<uint32_t>(sizeof(LnxDrawStyle)), "style", &complete);
    if (background != nullptr) {
      CopyBackground(*background, target);
    } else {
      for (int32_t y = 0; y < target.height; ++y)
        std::memset(target.data + y * target.stride, 0, static_cast<size_t>(target.width) * 3);
    }
    result::Draw(StorageOf(result), i, complete, target);
  });
}

void LNX_CALL LnxResultRelease(LnxResult result) {
  if (result != nullptr) result::Pool::Give(reinterpret_cast<result::Storage*>(result));
}

}  // extern "C"
