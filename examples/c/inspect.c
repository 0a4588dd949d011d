/* Inspects one 24-bit BMP file.  inspect MODEL.lnx PICTURE.bmp [PUBLIC_KEY.pem]
 * A BMP stores its rows bottom-up: a negative stride hands them over as they are, without copying. */
#include <lnx/lnx.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8_main.h"

static int fail(const char* what) {
  LnxErrorInfo error = {0};
  error.struct_size = sizeof error;
  LnxLastError(&error);
  fprintf(stderr, "%s: %s\n", what, error.message);
  return 1;
}

static uint32_t u32(const unsigned char* p) { return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24; }

int main(int argc, char** argv) {
  if (argc < 3) return fprintf(stderr, "usage: inspect MODEL.lnx PICTURE.bmp [PUBLIC_KEY.pem]\n"), 2;
  FILE* file = utf8_open(argv[2], "rb");
  unsigned char header[54];
  if (!file || fread(header, 1, 54, file) != 54 || memcmp(header, "BM", 2) || header[28] != 24)
    return fprintf(stderr, "no 24-bit BMP\n"), 2;
  const int32_t width = (int32_t)u32(header + 18), height = (int32_t)u32(header + 22), stride = (width * 3 + 3) / 4 * 4;
  unsigned char* pixels = malloc((size_t)stride * (size_t)height);
  fseek(file, (long)u32(header + 10), SEEK_SET);
  if (!pixels || fread(pixels, (size_t)stride, (size_t)height, file) != (size_t)height)
    return fprintf(stderr, "BMP too short\n"), 2;
  fclose(file);

  LnxInitOptions options;
  LnxInitOptionsInit(&options);
  const char* keys[1] = {argc > 3 ? argv[3] : NULL};
  options.trusted_keys = keys;
  options.trusted_key_count = argc > 3 ? 1 : 0;
  LnxHandle session = NULL;
  if (LnxInitialize(argv[1], &options, &session) != LNX_OK) return fail("LnxInitialize");

  LnxImage image; /* data points to the top row, which is the last one in the file */
  LnxImageInit(&image, pixels + (size_t)stride * (size_t)(height - 1), width, height, -stride, LNX_PIXEL_BGR8);
  LnxResult result = NULL;
  if (LnxRun(session, &image, 1, NULL, &result) != LNX_OK) return fail("LnxRun");

  uint32_t needed = 0;
  LnxResultToJson(result, 0, NULL, 0, &needed);
  char* json = malloc(needed);
  if (!json || LnxResultToJson(result, 0, json, needed, NULL) != LNX_OK) return fail("LnxResultToJson");
  puts(json);
  free(json);
  LnxResultRelease(result);
  LnxUninitialize(&session);
  free(pixels);
  return 0;
}
