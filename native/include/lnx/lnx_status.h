/* Generated from common/errors.toml by `python3 dev.py docs`. Do not edit. */
/* clang-format off */
#ifndef LNX_LNX_STATUS_H
#define LNX_LNX_STATUS_H

#include <stdint.h>

/* 0 = success; 1xx argument, 2xx model file, 3xx licence, 4xx device and runtime, 5xx execution */
typedef int32_t LnxStatus;

enum {
  LNX_OK = 0,
  LNX_E_NULL_POINTER = 101, /* A required pointer is NULL. */
  LNX_E_STRUCT_SIZE = 102, /* struct_size does not fit this version of the library. */
  LNX_E_ARGUMENT = 103, /* An argument is outside its range. */
  LNX_E_HANDLE = 104, /* The handle is not open. */
  LNX_E_IMAGE_SIZE = 105, /* The image size is not usable. */
  LNX_E_IMAGE_FORMAT = 106, /* The pixel format cannot be used with this model. */
  LNX_E_IMAGE_STRIDE = 107, /* The row stride is smaller than a row. */
  LNX_E_IMAGE_MEMORY = 108, /* The image lies in memory that this build cannot read. */
  LNX_E_ROI = 109, /* The region of interest lies outside the image. */
  LNX_E_PARAM_UNKNOWN = 110, /* There is no such parameter. */
  LNX_E_PARAM_TYPE = 111, /* The parameter has another type. */
  LNX_E_PARAM_RANGE = 112, /* The parameter value is outside its range. */
  LNX_E_BUFFER_TOO_SMALL = 113, /* The buffer is too small. */
  LNX_E_TICKET = 114, /* The ticket is not waiting. */
  LNX_E_UNSUPPORTED = 115, /* This version does not support that yet. */
  LNX_E_INDEX = 116, /* The index is outside the result. */
  LNX_E_BATCH_SIZE = 117, /* The number of images does not fit the model. */
  LNX_E_TEXT_ENCODING = 118, /* The text is not valid UTF-8. */
  LNX_E_FILE_NOT_FOUND = 201, /* The model file does not exist. */
  LNX_E_FILE_READ = 202, /* The model file cannot be read. */
  LNX_E_NOT_LNX = 203, /* The file is not an .lnx container. */
  LNX_E_CHUNK_HASH = 204, /* A chunk is not the one that was signed. */
  LNX_E_VERSION = 205, /* The container version is not known. */
  LNX_E_HEADER = 206, /* The container header is not valid. */
  LNX_E_TRUNCATED = 207, /* The container ends too early. */
  LNX_E_TRAILING_DATA = 208, /* There is data behind the end of the container. */
  LNX_E_SIGNATURE = 209, /* The signature does not match. */
  LNX_E_UNTRUSTED_KEY = 210, /* The container is signed by a key that is not trusted. */
  LNX_E_RECIPIENTS = 211, /* The list of recipients is not valid. */
  LNX_E_NO_RECIPIENT = 212, /* No key at hand opens this container. */
  LNX_E_KEY_COMMITMENT = 213, /* The key does not belong to this container. */
  LNX_E_DECRYPT = 214, /* A chunk does not decrypt. */
  LNX_E_PADDING = 215, /* The padding is not zero. */
  LNX_E_PAYLOAD_TABLE = 216, /* The table of entries is not valid. */
  LNX_E_MANIFEST_JSON = 217, /* The manifest is not valid JSON. */
  LNX_E_MANIFEST_FIELD = 218, /* A field of the manifest is not valid. */
  LNX_E_MANIFEST_VERSION = 219, /* The manifest version is not known. */
  LNX_E_UNKNOWN_OP = 220, /* The manifest asks for an operation that this version does not know. */
  LNX_E_ENTRY_MISSING = 221, /* The container lacks an entry. */
  LNX_E_ENTRY_HASH = 222, /* An entry is not the one that the manifest names. */
  LNX_E_GRAPH_MISMATCH = 223, /* The ONNX graph does not agree with the manifest. */
  LNX_E_LIMIT = 224, /* A length is larger than allowed. */
  LNX_E_CORE_TOO_OLD = 225, /* The model needs a newer version of this library. */
  LNX_E_GRAPH_INVALID = 226, /* ONNX Runtime cannot load the graph. */
  LNX_E_KEY_FILE = 227, /* The key file is not usable. */
  LNX_E_GOLDEN_MISSING = 228, /* The container has no golden images. */
  LNX_E_DICTIONARY = 240, /* The dictionary does not fit the text reader. */
  LNX_E_HANDOVER = 250, /* The handover archive is not usable. */
  LNX_E_HANDOVER_SECRET = 251, /* A secret does not belong into a handover. */
  LNX_E_LICENSE_MISSING = 301, /* There is no licence for this model. */
  LNX_E_LICENSE_BLOCKED = 302, /* The licence is blocked. */
  LNX_E_LICENSE_FORMAT = 303, /* The licence file is malformed. */
  LNX_E_LICENSE_VERSION = 304, /* The licence is of a version that this library does not know. */
  LNX_E_LICENSE_SIGNATURE = 305, /* The licence is not as it was signed. */
  LNX_E_LICENSE_UNTRUSTED = 306, /* The licence is not signed by a key that may sign licences. */
  LNX_E_KEY_LIST = 307, /* The key list is not usable. */
  LNX_E_LICENSE_NOT_YET_VALID = 308, /* The licence is not valid yet. */
  LNX_E_LICENSE_EXPIRED = 309, /* The licence has expired. */
  LNX_E_WRONG_DONGLE = 310, /* The dongle is not one of those that the licence names. */
  LNX_E_TOKEN_ANSWER = 311, /* The dongle gave a wrong answer. */
  LNX_E_MODEL_NOT_LICENSED = 312, /* The licence does not cover this model. */
  LNX_E_MODEL_ROLLED_BACK = 313, /* The model is older than what may run here. */
  LNX_E_MAINTENANCE_EXPIRED = 314, /* The model was released after the maintenance of the licence ended. */
  LNX_E_CLOCK_BACK = 315, /* The clock of this PC was set back. */
  LNX_E_LICENSE_GRACE = 316, /* The licence is in its grace time, in which no further model is opened. */
  LNX_E_LICENSE_RUNTIME = 317, /* The licence does not allow this ONNX Runtime library. */
  LNX_E_SOFTWARE_KEY = 318, /* The software key of an evaluation licence is not usable. */
  LNX_E_LICENSE_FEATURE = 319, /* The licence does not include this. */
  LNX_E_NO_PCSC_SERVICE = 320, /* The smart-card service does not run. */
  LNX_E_RDP_SESSION = 321, /* A dongle in this PC cannot be seen from a remote desktop session. */
  LNX_E_NO_READER = 322, /* No dongle is plugged in. */
  LNX_E_NO_TOKEN = 323, /* The reader holds no token. */
  LNX_E_NOT_PIV = 324, /* The token has no PIV application. */
  LNX_E_TOKEN_BUSY = 325, /* Another program holds the dongle. */
  LNX_E_TOKEN_REFUSED = 326, /* The dongle refused a command. */
  LNX_E_TOKEN_HANGS = 327, /* The dongle does not answer. */
  LNX_E_ATTESTATION = 350, /* The token does not prove that its key was made inside it. */
  LNX_E_NOT_FRESH = 351, /* The token is not fresh. */
  LNX_E_DESK_RECORD = 352, /* The desk's record of this dongle is not usable. */
  LNX_E_REQUEST = 353, /* The licence request is not usable. */
  LNX_E_SEVERAL_DONGLES = 354, /* Several dongles are plugged in. */
  LNX_E_TOKEN_SPACE = 355, /* The licence is too large for the token. */
  LNX_E_RUNTIME_NOT_FOUND = 401, /* ONNX Runtime was not found. */
  LNX_E_RUNTIME_LOAD = 402, /* ONNX Runtime cannot be loaded. */
  LNX_E_RUNTIME_TOO_OLD = 403, /* ONNX Runtime is too old. */
  LNX_E_RUNTIME_ARCH = 404, /* The ONNX Runtime library is for another processor or system. */
  LNX_E_RUNTIME_API = 405, /* The library is not ONNX Runtime. */
  LNX_E_DEVICE_NOT_FOUND = 406, /* There is no such device. */
  LNX_E_DEVICE_UNAVAILABLE = 407, /* The device cannot be used. */
  LNX_E_CPU_FALLBACK = 408, /* A GPU was asked for, but the model would run on the CPU. */
  LNX_E_DEVICE_LOST = 409, /* The device was lost. */
  LNX_E_DEVICE_MEMORY = 410, /* The device has too little free memory. */
  LNX_E_RUNTIME_CONFLICT = 411, /* Another ONNX Runtime is already loaded. */
  LNX_E_DRIVER = 412, /* The NVIDIA driver is missing or too old. */
  LNX_E_INFERENCE = 501, /* The model failed to run. */
  LNX_E_NUMERIC = 502, /* A number is NaN or infinite. */
  LNX_E_OUTPUT_SHAPE = 503, /* The model returned an output of unexpected shape. */
  LNX_E_TIMEOUT = 504, /* The run did not finish in time. */
  LNX_E_QUEUE_FULL = 505, /* The queue is full. */
  LNX_E_OUT_OF_MEMORY = 506, /* There is not enough memory. */
  LNX_E_INTERNAL = 507, /* Something inside the library failed. */
  LNX_E_SELFTEST_FAILED = 508, /* The self-test found a difference. */
  LNX_E_CANCELLED = 509, /* The call was cancelled. */
  LNX_E_FILE_ACCESS = 510, /* The system refuses a file or folder. */
  LNX_E_DEADLINE = 511 /* The run missed its deadline. */
};

#endif /* LNX_LNX_STATUS_H */
