/* LNX Edge: runs a packed, signed vision model inside an inspection program.
 *
 * Overview
 *   A model arrives as one `.lnx` file. Three calls carry it through a shift:
 *
 *       LnxHandle session = NULL;
 *       LnxInitOptions options;
 *       LnxInitOptionsInit(&options);
 *       options.device = "cuda:0";
 *       if (LnxInitialize("part.lnx", &options, &session) != LNX_OK) { ... LnxLastError ... }
 *
 *       LnxImage image;
 *       LnxImageInit(&image, pixels, width, height, stride_bytes, LNX_PIXEL_BGR8);
 *       LnxResult result = NULL;
 *       if (LnxRun(session, &image, 1, NULL, &result) == LNX_OK) {
 *           LnxSummary summary;
 *           summary.struct_size = sizeof summary;
 *           LnxResultSummary(result, 0, &summary);      // summary.verdict is OK, NG, REVIEW or UNDEFINED
 *           LnxResultRelease(result);
 *       }
 *       LnxUninitialize(&session);
 *
 *   LnxSubmit and LnxWait do the same through a bounded queue, results in the order of submission.
 *   Complete programs: examples/c, examples/cpp, examples/python.
 *
 * Ownership
 *   Inputs are borrowed until the call returns (LnxSubmit: until LnxWait has returned that ticket's result).
 *   A result owns everything that its views point to, until LnxResultRelease. It outlives its session.
 *   Strings returned inside structs live as long as what they came from: the result, the session, or the process.
 *   On error every output is left untouched.
 *
 * Structs
 *   Structs that the caller fills, or hands over to be filled, start with `struct_size`; use the Lnx...Init function,
 *   or set struct_size to sizeof the struct. Item structs inside returned arrays are frozen and have reserved fields.
 *
 * Text and paths
 *   Text is UTF-8. On Windows a path may also be passed as UTF-16 through the ...W twin.
 *
 * Threads
 *   LnxInitialize and LnxUninitialize are serialised inside the process. LnxRun is reentrant for one session; it waits while
 *   every run slot is busy, and on a CPU while other sessions of the process use its cores. LnxSetParam is atomic and takes
 *   effect from the next run. LnxLastError is per thread.
 *   A result is immutable and may be read from any thread. No function may be called from DllMain.
 *
 * Coordinates
 *   Boxes, polygons and centroids are in pixels of the full image that the caller passed, also when a region of interest was
 *   set. A box is half-open: it covers x1 <= x < x2. The centre of the first pixel lies at (0.5, 0.5).
 *
 * Errors
 *   Every function returns a status: 0 is success; 1xx argument, 2xx model file, 3xx licence, 4xx device and runtime,
 *   5xx execution. Numbers never change their meaning. LnxLastError tells what was found, what was expected, and what to do.
 *   Each status has a page: docs/errors/LNX-<number>.md.
 *
 * Versions
 *   Within one LNX_ABI_MAJOR, functions, fields at the end of structs and enum values are only added. Check at start:
 *       LnxVersionInfo v; v.struct_size = sizeof v; LnxGetVersion(&v);
 *       if (v.abi_major != LNX_ABI_MAJOR) { refuse }
 */
#ifndef LNX_LNX_H
#define LNX_LNX_H

#include <stddef.h>
#include <stdint.h>

#include "lnx_status.h"

#define LNX_ABI_MAJOR 1
#define LNX_ABI_MINOR 0

#if defined(_WIN32)
#if defined(LNX_BUILD)
#define LNX_API __declspec(dllexport)
#elif defined(LNX_STATIC)
#define LNX_API
#else
#define LNX_API __declspec(dllimport)
#endif
#define LNX_CALL __cdecl
#else
#define LNX_API __attribute__((visibility("default")))
#define LNX_CALL
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct LnxHandle_* LnxHandle; /* a session: an initialised model on a device */
typedef struct LnxResult_* LnxResult; /* the results of one run */
typedef uint64_t LnxTicket;           /* one submitted run; never 0 */

/* ---------------------------------------------------------------- enums */

typedef int32_t LnxTask; /* what a model answers */
enum {
  LNX_TASK_UNKNOWN = 0,
  LNX_TASK_CLASSIFICATION = 1,
  LNX_TASK_DETECTION = 2,
  LNX_TASK_SEGMENTATION = 3,
  LNX_TASK_ANOMALY = 4,
  LNX_TASK_ENHANCEMENT = 5,
  LNX_TASK_OCR = 6,
  LNX_TASK_TABULAR = 7,
  LNX_TASK_TIMESERIES = 8
};

typedef int32_t LnxVerdict;
enum {
  LNX_VERDICT_UNDEFINED = 0, /* the manifest has no rule that applies */
  LNX_VERDICT_OK = 1,
  LNX_VERDICT_NG = 2,
  LNX_VERDICT_REVIEW = 3 /* inside the guard band: a person should look */
};

typedef uint32_t LnxPixelFormat;
enum {
  LNX_PIXEL_UNKNOWN = 0,
  LNX_PIXEL_GRAY8 = 1,
  LNX_PIXEL_GRAY16 = 2, /* host byte order; valid_bits says how many of the low bits are used */
  LNX_PIXEL_BGR8 = 3,   /* cv::Mat CV_8UC3 */
  LNX_PIXEL_RGB8 = 4,
  LNX_PIXEL_BGRA8 = 5, /* alpha is ignored */
  LNX_PIXEL_RGBA8 = 6,
  LNX_PIXEL_GRAY10P = 7,    /* 10 bits per pixel without gaps, lowest bits first (GenICam Mono10p); each row starts with a byte */
  LNX_PIXEL_GRAY12P = 8,    /* the same with 12 bits (Mono12p) */
  LNX_PIXEL_BAYER_RG8 = 16, /* named by the first two pixels of the first row, as GenICam does; at least 3 x 3 */
  LNX_PIXEL_BAYER_BG8 = 17,
  LNX_PIXEL_BAYER_GR8 = 18,
  LNX_PIXEL_BAYER_GB8 = 19,
  LNX_PIXEL_BAYER_RG16 = 20, /* host byte order, valid_bits as GRAY16 */
  LNX_PIXEL_BAYER_BG16 = 21,
  LNX_PIXEL_BAYER_GR16 = 22,
  LNX_PIXEL_BAYER_GB16 = 23,
  LNX_PIXEL_NV12 = 32, /* height rows of luma, then height / 2 rows of U and V in turn, one stride for all; BT.601, 16..235 */
  LNX_PIXEL_F32_PLANAR = 48, /* float planes 0..1: all of red, then green, then blue, one stride for all */
  LNX_PIXEL_F32_GRAY = 49,   /* one float plane 0..1; as a result's plane: scores */
  LNX_PIXEL_LABEL8 = 64      /* one class id per pixel */
};

typedef uint32_t LnxMemory;
enum { LNX_MEMORY_HOST = 0, LNX_MEMORY_HOST_PINNED = 1, LNX_MEMORY_CUDA = 2 };

typedef uint32_t LnxProvider; /* where the model really runs */
enum { LNX_PROVIDER_NONE = 0, LNX_PROVIDER_CPU = 1, LNX_PROVIDER_CUDA = 2, LNX_PROVIDER_TENSORRT_RTX = 3 };

typedef uint32_t LnxPrecision;
enum { LNX_PRECISION_UNKNOWN = 0, LNX_PRECISION_FP32 = 1, LNX_PRECISION_FP16 = 2, LNX_PRECISION_INT8 = 3 };

typedef uint32_t LnxWant; /* what a run should add to its result; nothing expensive comes unasked */
enum {
  LNX_WANT_DEFAULT = 0,    /* objects, classes, regions with polygons */
  LNX_WANT_LABEL_MAP = 1,  /* segmentation: class id per pixel of the full image */
  LNX_WANT_SCORE_MAP = 2,  /* segmentation, anomaly: score per pixel of the full image */
  LNX_WANT_RLE = 4,        /* run lengths of each region and instance mask */
  LNX_WANT_NO_POLYGONS = 8 /* leave polygons out */
};

typedef uint32_t LnxPlaneKind;
enum { LNX_PLANE_LABEL_MAP = 0, LNX_PLANE_SCORE_MAP = 1, LNX_PLANE_IMAGE = 2 };

typedef uint32_t LnxLanguage; /* of overlays */
enum { LNX_LANGUAGE_ENGLISH = 0, LNX_LANGUAGE_KOREAN = 1 };

typedef uint32_t LnxValueType;
enum { LNX_VALUE_NONE = 0, LNX_VALUE_INT = 1, LNX_VALUE_FLOAT = 2, LNX_VALUE_TEXT = 3 };

typedef uint32_t LnxLicensePhase;
enum {
  LNX_LICENSE_NONE = 0, /* the model needs no licence */
  LNX_LICENSE_STARTING = 1,
  LNX_LICENSE_OK = 2,
  LNX_LICENSE_GRACE = 3,
  LNX_LICENSE_BLOCKED = 4
};

typedef uint32_t LnxRecordTrigger; /* when the last runs are saved by themselves; LnxRecordSave does it on demand */
enum { LNX_RECORD_ON_DEMAND = 0, LNX_RECORD_ON_NG = 1, LNX_RECORD_ON_REVIEW = 2, LNX_RECORD_ON_ERROR = 4 };
enum { LNX_RECORD_PATH_BYTES = 1024 };

/* Flags of LnxSummary.flags. */
enum {
  LNX_SUMMARY_WARMED = 1,
  LNX_SUMMARY_CPU_FALLBACK = 2,
  LNX_SUMMARY_EVALUATION = 4,
  LNX_SUMMARY_UINT8_HEADS = 8,    /* the model ran in its form for GPUs: 8-bit input, reduced outputs */
  LNX_SUMMARY_GPU_GRAPH = 16,     /* as one CUDA graph */
  LNX_SUMMARY_GPU_PREPROCESS = 32 /* the image was prepared on the GPU */
};

/* --------------------------------------------------------------- structs */

typedef struct LnxRect { /* whole pixels; all zero = the whole image */
  int32_t x, y, width, height;
} LnxRect;

typedef struct LnxRectF { /* half-open */
  float x1, y1, x2, y2;
} LnxRectF;

typedef struct LnxPointF {
  float x, y;
} LnxPointF;

typedef struct LnxVersionInfo {
  uint32_t struct_size;
  uint32_t abi_major, abi_minor;
  uint32_t reserved;
  const char* sdk;             /* "1.0.0" */
  const char* build;           /* compiler and options */
  const char* runtime_version; /* ONNX Runtime in use, "" before the first LnxInitialize */
  const char* runtime_path;    /* full path of the loaded library, "" before the first LnxInitialize */
} LnxVersionInfo;

/* Called during LnxInitialize and LnxSelfTest. stage is "read", "verify", "decrypt", "load", "warm-up" or "self-test";
 * fraction runs from 0 to 1 over the whole call. Return 0 to go on, anything else to cancel (LNX_E_CANCELLED). */
typedef int32_t(LNX_CALL* LnxProgress)(const char* stage, double fraction, void* user);

/* Called with what the library would log. level: 0 debug, 1 info, 2 warning, 3 error. May come from any thread. */
typedef void(LNX_CALL* LnxLog)(int32_t level, const char* message, void* user);

struct LnxLicenseInfo;
/* Called when the state of the session's licence changes, and every ten seconds while the grace time runs. Comes from a thread of
 * the library; it may call any function but LnxInitialize and LnxUninitialize. info lives until it returns. */
typedef void(LNX_CALL* LnxLicenseChanged)(const struct LnxLicenseInfo* info, void* user);

typedef struct LnxInitOptions {
  uint32_t struct_size;
  uint32_t run_slots;          /* runs that may be in flight at once, 1..16; 0 = 1 */
  const char* device;          /* "auto", "cpu", "cuda:N"; NULL = "auto" (a GPU where one works, else the CPU) */
  uint32_t allow_cpu_fallback; /* 0: asking for a GPU and getting a CPU is an error */
  uint32_t cpu_threads;        /* threads of one CPU inference, 0 = one per physical core */
  uint32_t max_batch;          /* largest n of LnxRun, 1..64; 0 = as the manifest declares */
  uint32_t queue_depth;        /* runs LnxSubmit may hold, 1..1024; 0 = 8 */
  const char* runtime_dir; /* folder of the ONNX Runtime library; NULL = search: LNX_RUNTIME_DIR, the library's own folder, the
                              pack that the setup installed (Windows), the package of the running Python */
  const char* key_file;    /* family key file, for containers that are not open; NULL = LNX_KEY_FILE, then none */
  const char* const* trusted_keys; /* container public key files (PEM) that are trusted besides the trust folder */
  uint32_t trusted_key_count;
  uint32_t want;                   /* LnxWant flags for every run */
  double threshold;                /* NaN = as the manifest declares */
  double guard_band;               /* NaN = as the manifest declares */
  double min_area_px;              /* smallest finding that counts, of every class; NaN = as the manifest declares */
  const float* class_thresholds;   /* one per label in manifest order, NaN = as above; NULL = none. Read during the call */
  const float* class_min_areas_px; /* the same for the smallest areas */
  uint32_t class_threshold_count, class_min_area_count;
  uint32_t warm_up_runs; /* runs before LnxInitialize returns, 0 = 2 */
  uint32_t events;       /* 0 = write the event log where a folder is configured, 1 = never */
  LnxProgress progress;
  void* progress_user;
  LnxLog log;
  void* log_user;
  const char* program;      /* name of the calling program in the event log; NULL = executable's name */
  const char* license_file; /* .lic file, or folder of them; NULL = search (LNX_LICENSE_DIR, the product's folder, the tokens) */
  uint32_t license_wait_ms; /* how long to wait for the dongle, or for one with a licence on it; 0 = as the licence says */
  uint32_t reserved;
  LnxLicenseChanged license_changed;
  void* license_user;
  /* Images larger than this go through the model in tiles, whose objects are merged, and whose maps and pictures are blended into
   * one without seams. Not for classification and text. 0 = as the manifest declares, UINT32_MAX = never. */
  uint32_t tile_width, tile_height;
  double
      tile_overlap; /* share of a tile that its neighbour repeats at least, 0..0.75; NaN = as the manifest declares, else 0.2 */
  /* After each pause of this length the model is run once without an image, so that clocks, caches and driver stay awake for the
   * next trigger; 0 = never. A real run that comes meanwhile ends it. On every device, in spite of the name. */
  uint32_t gpu_keep_warm_ms;
  uint32_t keep_warm_minutes; /* how long after the last real run this goes on, 0 = 10 */
  uint32_t submit_batch; /* submitted single images that wait are run as one batch of at most this many; 0 = each by itself */
  uint32_t reserved2;
  uint32_t uint8_heads;    /* the form for GPUs that a container may carry: 0 = on a GPU, 1 = always, 2 = never */
  uint32_t gpu_graph;      /* one CUDA graph per batch size: 0 = where the model allows it, 1 = never */
  uint32_t gpu_preprocess; /* preparing images on the GPU: 0 = by their size, 1 = wherever it can be done, 2 = never */
  uint32_t gpu_memory_mb;  /* most that ONNX Runtime's arena takes from the GPU for one graph; 0 = what is free */
  uint32_t gpu_tf32;       /* float32 convolutions in TF32: 0 = as ONNX Runtime (yes), 1 = never */
  uint32_t reserved3;
  /* Size of the pictures that will come, in pixels: buffers are made for it before LnxInitialize returns, so that the first run
   * is as fast as the hundredth. 0 = as the golden image of the container, else as the input of the model. */
  uint32_t warm_up_width, warm_up_height;
} LnxInitOptions;

typedef struct LnxImage {
  uint32_t struct_size;
  LnxPixelFormat pixel_format;
  const void* data;      /* first byte of the first (top) row */
  int32_t width, height; /* pixels, 1..30000 */
  int64_t stride_bytes;  /* from one row to the next; negative = bottom-up (data still points to the top row) */
  uint32_t valid_bits;   /* GRAY16 and BAYER_..16: 9..16, 0 = 16 */
  LnxMemory memory;
  int32_t device; /* LNX_MEMORY_CUDA: device index */
  uint32_t reserved;
  void* cuda_stream;
  LnxRect roi;       /* part to inspect; results stay in full-image coordinates */
  uint64_t user_tag; /* comes back in LnxSummary */
} LnxImage;

typedef struct LnxRunOptions {
  uint32_t struct_size;
  uint32_t want;                   /* LnxWant flags, added to those of LnxInitOptions */
  double threshold;                /* NaN = the session's */
  double guard_band;               /* NaN = the session's */
  double min_area_px;              /* NaN = the session's */
  uint32_t max_objects;            /* 0 = the session's */
  uint32_t top_k;                  /* classes to return, 0 = the session's */
  const float* class_thresholds;   /* one per label in manifest order, NaN = the session's; NULL = none */
  const float* class_min_areas_px; /* the same for the smallest areas */
  uint32_t class_threshold_count, class_min_area_count;
  uint32_t deadline_ms; /* from the call on (LnxSubmit: from there on); then the run ends with LNX_E_DEADLINE. 0 = none */
  uint32_t source;      /* LnxSubmit: which camera, 0..63. Cameras are served in turn, each with queue_depth runs of its own */
} LnxRunOptions;

typedef struct LnxTimings { /* microseconds of wall time */
  uint32_t queue, pre, host_to_device, infer, device_to_host, post, total, reserved;
} LnxTimings;

typedef struct LnxSummary {
  uint32_t struct_size;
  LnxTask task;
  uint64_t sequence; /* runs of this session, from 1 */
  uint64_t user_tag;
  LnxVerdict verdict;
  uint32_t verdict_rule; /* 1-based index of the manifest rule that fired; 0 = none ("otherwise") */
  float score_raw;       /* the score that decided, as the model gave it */
  float score_norm;      /* the same, normalised to 0..1 (equal where the model needs no calibration) */
  float threshold;       /* threshold that it was compared with */
  float guard_band;      /* half width of the REVIEW strip */
  LnxProvider provider;  /* effective execution provider */
  LnxPrecision precision;
  uint32_t flags; /* LNX_SUMMARY_... */
  int32_t image_width, image_height;
  uint32_t reserved;
  uint8_t model_sha256[32];   /* of the container's signed part: names the model version exactly */
  const char* verdict_reason; /* English, one line: which rule fired and by how much */
  LnxTimings timings;
} LnxSummary;

typedef struct LnxClass { /* best first */
  int32_t class_id;
  float score;
  const char* name;
  uint32_t reserved[2];
} LnxClass;

typedef struct LnxObject { /* a detected box, best first */
  LnxRectF box;
  float score;
  int32_t class_id;
  float area_px;
  float angle_deg;      /* 0 for upright boxes */
  int32_t region_index; /* its region (instance mask), -1 = none */
  uint32_t reserved0;
  const char* name;
  int32_t first_class_id; /* class and score that the detector gave, where a later stage of the model changed them; */
  float first_score;      /* else the same as class_id and score */
  uint32_t reserved[2];
} LnxObject;

typedef struct LnxRegion { /* a connected area of a mask or map, largest first */
  int32_t class_id;
  float score_max, score_mean; /* over its pixels */
  float area_px;               /* pixels of the full image, holes excluded */
  LnxRectF box;
  LnxPointF centroid;
  int32_t polygon_index;  /* first polygon (the outline); its holes follow. -1 = none */
  uint32_t polygon_count; /* outline and holes */
  int32_t rle_index;      /* -1 = none */
  uint32_t reserved0;
  const char* name;
  uint32_t reserved[4];
} LnxRegion;

typedef struct LnxPolygon { /* closed; pixel corners, so that a single pixel is a unit square */
  const LnxPointF* points;
  uint32_t point_count;
  int32_t parent; /* -1 = outline, else the index of the outline it is a hole of */
  uint32_t reserved[2];
} LnxPolygon;

typedef struct LnxRle { /* COCO run lengths: column-major, starting with background */
  const uint32_t* counts;
  uint32_t count;
  int32_t width, height;
  uint32_t reserved[3];
} LnxRle;

typedef struct LnxPlane {
  const void* data;
  int32_t width, height;
  int64_t stride_bytes;
  LnxPixelFormat pixel_format;
  LnxPlaneKind kind;
  uint32_t reserved[4];
} LnxPlane;

typedef struct LnxText { /* one line of characters, in reading order */
  LnxPointF quad[4];     /* from the top left of the text as it stands in the image, with the clock */
  const char* text;
  float score; /* mean of its characters' */
  uint32_t char_count;
  const float* char_scores;
  const LnxRectF* char_boxes;   /* upright boxes around the characters */
  const uint32_t* char_offsets; /* char_count + 1 positions in `text`, in bytes */
  float box_score;              /* of the detector */
  uint32_t turned;              /* 1: the line stood upside down and was turned to be read */
} LnxText;

typedef struct LnxRow { /* the answer to one table row or window */
  int64_t label;
  const char* label_name;
  double value;
  const double* probabilities;
  uint32_t probability_count;
  uint32_t reserved0;
  int64_t time_begin_unix_nano, time_end_unix_nano;
  uint32_t reserved[4];
} LnxRow;

typedef struct LnxValue {
  uint32_t struct_size;
  LnxValueType type;
  int64_t i;
  double f;
  const char* text; /* from LnxGetParam: lives until the next LnxSetParam of the same key */
} LnxValue;

typedef struct LnxDrawStyle {
  uint32_t struct_size;
  uint32_t line_width;  /* pixels, 0 = by image size */
  uint32_t font_scale;  /* multiples of the 8 x 8 font, 0 = by image size */
  uint32_t hide_banner; /* 0: a banner with verdict and score at the top */
  float fill_opacity;   /* of regions, 0..1; negative = 0.35 */
  LnxLanguage language; /* LNX_LANGUAGE_KOREAN: the Korean names of labels where the model has them, and Korean verdicts */
  uint32_t reserved[2];
} LnxDrawStyle;

typedef struct LnxSelfTestReport {
  uint32_t struct_size;
  uint32_t golden_count; /* images compared */
  uint32_t passed;       /* 1 when every golden stayed within its tolerance */
  uint32_t reserved;
  double pre_max_error;   /* largest absolute difference of the input tensor */
  double model_max_error; /* of the raw outputs */
  double post_max_error;  /* of scores, and of boxes relative to the image size */
  double pre_tolerance, model_tolerance, post_tolerance;
} LnxSelfTestReport;

typedef struct LnxLicenseInfo {
  uint32_t struct_size;
  LnxLicensePhase phase;
  double grace_seconds_left;
  char license_id[64];
  char reason[192];
  LnxStatus status;     /* why the phase is not OK: LNX_E_NO_TOKEN, LNX_E_LICENSE_EXPIRED ...; 0 = nothing to tell */
  uint32_t evaluation;  /* 1: an evaluation licence; results and overlays say so */
  int64_t expires_unix; /* last second of the licence, seconds since 1970; 0 = no end */
  char customer[128];
  char warning[192]; /* ends soon, clock was set back; "" = none */
} LnxLicenseInfo;

typedef struct LnxRecordOptions {
  uint32_t struct_size;
  uint32_t runs;             /* last runs that are kept in memory, 1..1024; 0 = 16 */
  const char* folder;        /* where recordings are saved; made when it is missing */
  const char* key_file;      /* public key of whoever may open them (PEM, P-256: `lnx keys new recording`) */
  uint64_t max_memory_bytes; /* for pixels that are kept or on their way to the disk; 0 = 512 MiB. The oldest runs go first */
  uint64_t max_folder_bytes; /* of recordings in the folder; 0 = 4 GiB. The oldest files go first */
  LnxRecordTrigger save_on;  /* LNX_RECORD_ON_... */
  uint32_t reserved;
} LnxRecordOptions;

typedef struct LnxRecordInfo {
  uint32_t struct_size;
  uint32_t active;       /* 1 = runs are being kept */
  uint64_t runs_kept;    /* in memory now */
  uint64_t runs_saved;   /* in files that are complete */
  uint64_t runs_skipped; /* not kept: larger than the memory allowed, on a GPU, or the disk is slower than the line */
  uint64_t files_saved;
  uint64_t files_failed;
  char last_error[192]; /* of the last file that failed; "" = none */
} LnxRecordInfo;

typedef struct LnxErrorInfo { /* strings live until the next failing call of this thread */
  uint32_t struct_size;
  LnxStatus status;
  const char* name;    /* "LNX_E_CHUNK_HASH" */
  const char* message; /* the whole text, several lines, as it should be shown or logged */
  const char* found;
  const char* expected;
  const char* where;
  const char* fix;
  const char* page; /* "docs/errors/LNX-204.md" */
  int64_t os_code;  /* errno or GetLastError, 0 = none */
} LnxErrorInfo;

/* ------------------------------------------------------------- functions */

/* Fill structs with defaults. Any thread. Never fail. Since 1.0.
 * struct_size is the caller's sizeof: a program that was compiled with an older header gets no byte more than it has room for.
 * C and C++ use the functions without "Sized" below, which pass it; other languages pass the size of their own struct. */
LNX_API void LNX_CALL LnxInitOptionsInitSized(LnxInitOptions* options, uint32_t struct_size);
LNX_API void LNX_CALL LnxRunOptionsInitSized(LnxRunOptions* options, uint32_t struct_size);
LNX_API void LNX_CALL LnxDrawStyleInitSized(LnxDrawStyle* style, uint32_t struct_size);
LNX_API void LNX_CALL LnxRecordOptionsInitSized(LnxRecordOptions* options, uint32_t struct_size);
LNX_API void LNX_CALL LnxImageInitSized(LnxImage* image, uint32_t struct_size, const void* data, int32_t width, int32_t height,
                                        int64_t stride_bytes, LnxPixelFormat pixel_format);

static inline void LnxInitOptionsInit(LnxInitOptions* options) { LnxInitOptionsInitSized(options, (uint32_t)sizeof(*options)); }
static inline void LnxRunOptionsInit(LnxRunOptions* options) { LnxRunOptionsInitSized(options, (uint32_t)sizeof(*options)); }
static inline void LnxDrawStyleInit(LnxDrawStyle* style) { LnxDrawStyleInitSized(style, (uint32_t)sizeof(*style)); }
static inline void LnxRecordOptionsInit(LnxRecordOptions* options) {
  LnxRecordOptionsInitSized(options, (uint32_t)sizeof(*options));
}

/* Fills an image that lies in host memory. stride_bytes 0 = rows without padding. */
static inline void LnxImageInit(LnxImage* image, const void* data, int32_t width, int32_t height, int64_t stride_bytes,
                                LnxPixelFormat pixel_format) {
  LnxImageInitSized(image, (uint32_t)sizeof(*image), data, width, height, stride_bytes, pixel_format);
}

/* Tells the versions of this library and of the ONNX Runtime in use.
 *
 * info     [in,out] struct_size set by the caller.
 *
 * Threads  any.
 * Errors   LNX_E_NULL_POINTER, LNX_E_STRUCT_SIZE.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxGetVersion(LnxVersionInfo* info);

/* Reads, verifies and decrypts a model, loads it on a device and warms it up. Returns when the first run will be fast.
 *
 * model_path [in]  the .lnx file, UTF-8.
 * options    [in]  NULL = defaults.
 * handle     [out] the caller's; end with LnxUninitialize.
 *
 * Threads  any; serialised inside the process. The progress callback runs on the calling thread.
 * Errors   2xx for the file, 3xx for the licence, 4xx for runtime and device, LNX_E_CANCELLED.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxInitialize(const char* model_path, const LnxInitOptions* options, LnxHandle* handle);

#if defined(_WIN32)
/* As LnxInitialize, threads and errors as there, with a UTF-16 path. Windows only. Since 1.0. */
LNX_API LnxStatus LNX_CALL LnxInitializeW(const wchar_t* model_path, const LnxInitOptions* options, LnxHandle* handle);
#endif

/* Runs the model on one or more images and waits for the result.
 *
 * images   [in]  n images, borrowed until the call returns; host memory is not copied.
 * n        [in]  1 .. max_batch; n > 1 runs as one batch.
 * options  [in]  NULL = as given to LnxInitialize.
 * result   [out] the caller's; free with LnxResultRelease. Untouched on error.
 *
 * Threads  reentrant per handle; waits while every run slot is busy.
 * Errors   LNX_E_IMAGE_..., LNX_E_BATCH_SIZE, LNX_E_LICENSE_BLOCKED, LNX_E_DEVICE_LOST, LNX_E_INFERENCE,
 *          LNX_E_NUMERIC (NaN in input or score), LNX_E_DEADLINE.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxRun(LnxHandle handle, const LnxImage* images, uint32_t n, const LnxRunOptions* options,
                                  LnxResult* result);

/* Runs the model on several parts of one image and waits for the result, which has one entry per part, in their order.
 *
 * image    [in]  as LnxRun; its own roi is not used.
 * rois     [in]  n parts; coordinates of the result stay those of the full image.
 * n        [in]  1 .. 1024; runs in batches of at most max_batch.
 * options  [in]  NULL = as given to LnxInitialize.
 * result   [out] as LnxRun.
 *
 * Threads  as LnxRun.
 * Errors   as LnxRun; LNX_E_ROI when a part does not lie inside the image, and then no part gives a result.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxRunRois(LnxHandle handle, const LnxImage* image, const LnxRect* rois, uint32_t n,
                                      const LnxRunOptions* options, LnxResult* result);

/* Queues a run and returns at once. Tickets of one source finish in the order of submission.
 *
 * images   [in]  as LnxRun; the pixels must stay valid until LnxWait has returned this ticket's result.
 * options  [in]  copied.
 * ticket   [out] for LnxWait. Every ticket must be waited for, or is dropped by LnxUninitialize.
 *
 * Threads  any.
 * Errors   LNX_E_QUEUE_FULL when queue_depth runs of this source are waiting or not yet collected; otherwise as LnxRun.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxSubmit(LnxHandle handle, const LnxImage* images, uint32_t n, const LnxRunOptions* options,
                                     LnxTicket* ticket);

/* Waits for a submitted run.
 *
 * ticket     [in]  0 = the oldest that has not been collected.
 * timeout_ms [in]  0 = ask without waiting, UINT32_MAX = wait without limit.
 * result     [out] as LnxRun.
 *
 * Threads  any.
 * Errors   LNX_E_TIMEOUT (the ticket stays valid), LNX_E_TICKET, and the errors of the run itself.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxWait(LnxHandle handle, LnxTicket ticket, uint32_t timeout_ms, LnxResult* result);

/* Views into a result. i is the index of the image in the batch. Pointers live until LnxResultRelease. Nothing found is
 * success with n = 0.
 *
 * Threads  any.
 * Errors   LNX_E_NULL_POINTER, LNX_E_HANDLE, LNX_E_INDEX; LnxResultPlane: LNX_E_UNSUPPORTED when the plane was not asked for.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxResultCount(LnxResult result, uint32_t* n);
LNX_API LnxStatus LNX_CALL LnxResultSummary(LnxResult result, uint32_t i, LnxSummary* summary);
LNX_API LnxStatus LNX_CALL LnxResultClasses(LnxResult result, uint32_t i, const LnxClass** items, uint32_t* n);
LNX_API LnxStatus LNX_CALL LnxResultObjects(LnxResult result, uint32_t i, const LnxObject** items, uint32_t* n);
LNX_API LnxStatus LNX_CALL LnxResultRegions(LnxResult result, uint32_t i, const LnxRegion** items, uint32_t* n);
LNX_API LnxStatus LNX_CALL LnxResultPolygons(LnxResult result, uint32_t i, const LnxPolygon** items, uint32_t* n);
LNX_API LnxStatus LNX_CALL LnxResultRles(LnxResult result, uint32_t i, const LnxRle** items, uint32_t* n);
LNX_API LnxStatus LNX_CALL LnxResultTexts(LnxResult result, uint32_t i, const LnxText** items, uint32_t* n);
LNX_API LnxStatus LNX_CALL LnxResultRows(LnxResult result, uint32_t i, const LnxRow** items, uint32_t* n);
LNX_API LnxStatus LNX_CALL LnxResultPlane(LnxResult result, uint32_t i, LnxPlaneKind kind, LnxPlane* plane);

/* Writes the result of image i as one line of JSON (schema: docs/reference/result.schema.json).
 *
 * buffer   [out] NUL-terminated UTF-8; may be NULL when capacity is 0.
 * capacity [in]  bytes of buffer.
 * needed   [out] bytes that the text takes with its NUL; set also when LNX_E_BUFFER_TOO_SMALL is returned. May be NULL.
 *
 * Threads  any.
 * Errors   LNX_E_BUFFER_TOO_SMALL, LNX_E_NULL_POINTER, LNX_E_INDEX.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxResultToJson(LnxResult result, uint32_t i, char* buffer, uint32_t capacity, uint32_t* needed);

/* Draws the result of image i over a picture: regions, boxes, lines of text, their names and scores, and a banner with the
 * verdict. Letters are ASCII and Hangul; a name with others is shown as its number.
 *
 * background [in]  the image that was run, or another of the same size; NULL = black. Host memory, any 8- or 16-bit format.
 * style      [in]  NULL = defaults.
 * canvas     [in]  BGR8, host memory, of the image's size; its pixels are overwritten. May be the background itself.
 *
 * Threads  any; canvas must not be shared.
 * Errors   LNX_E_IMAGE_SIZE, LNX_E_IMAGE_FORMAT.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxResultDraw(LnxResult result, uint32_t i, const LnxImage* background, const LnxDrawStyle* style,
                                         const LnxImage* canvas);

/* A fingerprint of everything that result i answers: verdict, scores, items, polygons, run lengths, planes, texts, bit for bit.
 * Left out are numbering, tag, times, provider and model, so that equal fingerprints mean equal answers.
 *
 * digest   [out] 32 bytes (SHA-256).
 *
 * Threads  any.
 * Errors   LNX_E_NULL_POINTER, LNX_E_HANDLE, LNX_E_INDEX.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxResultDigest(LnxResult result, uint32_t i, uint8_t digest[32]);

/* Frees a result. NULL is allowed. Any thread, also after LnxUninitialize. Never fails. Since 1.0. */
LNX_API void LNX_CALL LnxResultRelease(LnxResult result);

/* Changes a parameter from the next run on.
 *
 * key      [in]  "threshold", "guard_band", "min_area_px", "max_objects", "top_k", "nms_iou", "want",
 *                "class_threshold/NAME", "class_min_area_px/NAME" (NAME: a label of the manifest).
 *                LnxDescribeModel lists them with type, range and value.
 *
 * Threads  any; atomic.
 * Errors   LNX_E_PARAM_UNKNOWN, LNX_E_PARAM_TYPE, LNX_E_PARAM_RANGE.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxSetParam(LnxHandle handle, const char* key, const LnxValue* value);
LNX_API LnxStatus LNX_CALL LnxGetParam(LnxHandle handle, const char* key, LnxValue* value);

/* Describes the model as JSON: name, version, task, inputs, outputs, labels, parameters, device, runtime. Buffer and errors as in
 * LnxResultToJson. Any thread. Since 1.0. */
LNX_API LnxStatus LNX_CALL LnxDescribeModel(LnxHandle handle, char* buffer, uint32_t capacity, uint32_t* needed);

/* Describes as JSON what this machine offers: every ONNX Runtime library found with its verdict, providers, GPU and driver,
 * missing libraries and the fix. Loads nothing that is not asked for by runtime_dir (NULL = search). Buffer and errors
 * as in LnxResultToJson. Any thread. Since 1.0. */
LNX_API LnxStatus LNX_CALL LnxDescribeEnvironment(const char* runtime_dir, char* buffer, uint32_t capacity, uint32_t* needed);

/* Runs the golden images of the container and compares each stage with what was recorded when it was packed.
 *
 * report   [in,out] struct_size set by the caller; filled also when LNX_E_SELFTEST_FAILED is returned.
 *
 * Threads  any; takes one run slot.
 * Errors   LNX_E_SELFTEST_FAILED, LNX_E_GOLDEN_MISSING, and the errors of LnxRun.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxSelfTest(LnxHandle handle, LnxSelfTestReport* report);

/* Keeps the last runs of a session in memory: input pixels, parameters in force, results, times. When a trigger fires, or
 * LnxRecordSave asks, what is kept goes to one encrypted file; each run is saved at most once. `lnx replay` opens the file with
 * the private key, runs the inputs again and compares the answers bit for bit.
 *
 * Keeping a run costs one copy of its pixels, after inference. Files are written by a thread of the library; a run never waits
 * for the disk. Runs that fail with 4xx or 5xx are kept with their error. Pixels in GPU memory are not kept.
 *
 * options  [in]  folder and key_file must be given.
 *
 * Threads  any. Starting again ends the recording before (what is on its way to the disk is finished).
 * Errors   LNX_E_ARGUMENT, LNX_E_KEY_FILE, LNX_E_FILE_ACCESS when the folder cannot be made.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxRecordStart(LnxHandle handle, const LnxRecordOptions* options);

/* Saves the runs that are kept now and waits until the file is complete.
 *
 * reason   [in]  a word for the file's name and head; NULL = "demand".
 * path     [out] the file, "" when no run was kept; may be NULL.
 * capacity [in]  bytes of path, at least LNX_RECORD_PATH_BYTES.
 *
 * Threads  any.
 * Errors   LNX_E_UNSUPPORTED when nothing is being recorded, LNX_E_FILE_ACCESS.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxRecordSave(LnxHandle handle, const char* reason, char* path, uint32_t capacity);

/* Tells what is kept, saved and lost. info: struct_size set by the caller. Any thread. Errors: LNX_E_HANDLE,
 * LNX_E_STRUCT_SIZE, LNX_E_UNSUPPORTED when nothing is being recorded. Since 1.0. */
LNX_API LnxStatus LNX_CALL LnxRecordState(LnxHandle handle, LnxRecordInfo* info);

/* Ends recording: finishes the files on their way and forgets what is kept. Success also when nothing is being recorded. Any
 * thread. Errors: LNX_E_HANDLE. Since 1.0. */
LNX_API LnxStatus LNX_CALL LnxRecordStop(LnxHandle handle);

/* Tells the state of the licence. LNX_LICENSE_NONE for models that need none. Any thread. Errors: LNX_E_HANDLE,
 * LNX_E_STRUCT_SIZE. Since 1.0. */
LNX_API LnxStatus LNX_CALL LnxLicenseState(LnxHandle handle, LnxLicenseInfo* info);

/* Tells the features of the licence as one JSON object, e.g. {"cameras":4,"measure":true}; "{}" when there is none. The core
 * keeps to `cameras`, `gpu` and `tools` by itself (docs/reference/licence.md); what the others mean is up to the program. Buffer
 * and errors as in LnxResultToJson. Any thread. Since 1.0. */
LNX_API LnxStatus LNX_CALL LnxLicenseFeatures(LnxHandle handle, char* buffer, uint32_t capacity, uint32_t* needed);

/* Tells why the last failing call of this thread failed. Any thread, each its own. Errors: LNX_E_NULL_POINTER, LNX_E_STRUCT_SIZE;
 * they do not replace what is being asked for. Since 1.0. */
LNX_API LnxStatus LNX_CALL LnxLastError(LnxErrorInfo* info);

/* The English text of a status, and its name. Never NULL. Any thread. Never fail. Since 1.0. */
LNX_API const char* LNX_CALL LnxStatusText(LnxStatus status);
LNX_API const char* LNX_CALL LnxStatusName(LnxStatus status);

/* Ends a session: waits for runs in flight, frees the device, sets *handle to NULL. NULL handles are allowed.
 *
 * Threads  any; other threads must not start new calls with this handle. Safe at process exit in any order.
 * Errors   LNX_E_HANDLE when it was closed already.
 * Since    1.0
 */
LNX_API LnxStatus LNX_CALL LnxUninitialize(LnxHandle* handle);

#ifdef __cplusplus
}
#endif

#endif /* LNX_LNX_H */
