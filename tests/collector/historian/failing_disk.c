/* LD_PRELOAD: calls that write or sync files below $FAIL_FOLDER fail with EIO while the file $FAIL_SWITCH exists; its first line
 * names the calls ("write", "sync" or "all"), or "readonly": writes fail with EROFS, as on a file system that turned read-only,
 * or "denied": no file there can be opened for writing any more (EACCES), as when somebody has changed the permissions; what is
 * open stays so.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int switched(char* mode, int size) {
  const char* name = getenv("FAIL_SWITCH");
  FILE* file = name && access(name, F_OK) == 0 ? fopen(name, "re") : NULL;
  mode[0] = 0;
  if (!file) return 0;
  if (!fgets(mode, size, file)) mode[0] = 0;
  fclose(file);
  return 1;
}

static int denied(const char* path, int flags) {
  const char* folder = getenv("FAIL_FOLDER");
  char mode[16];
  if (!folder || !(flags & (O_WRONLY | O_RDWR | O_CREAT)) || strncmp(path, folder, strlen(folder)) != 0) return 0;
  if (!switched(mode, sizeof mode) || strncmp(mode, "denied", 6) != 0) return 0;
  errno = EACCES;
  return 1;
}

static int fails(int fd, const char* kind) {
  const char* folder = getenv("FAIL_FOLDER");
  char link[64], path[4096], mode[16];
  if (!folder || !switched(mode, sizeof mode)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  if (strncmp(path, folder, strlen(folder)) != 0 || strstr(path, "-shm")) return 0;
  if (strncmp(mode, "readonly", 8) == 0) {
    if (strcmp(kind, "write") != 0) return 0;
    errno = EROFS;
    return 1;
  }
  if (strncmp(mode, "all", 3) != 0 && strncmp(mode, kind, strlen(kind)) != 0) return 0;
  errno = EIO;
  return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void* data, size_t size) { return fails(fd, "write") ? -1 : REAL(write)(fd, data, size); }
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return fails(fd, "write") ? -1 : REAL(pwrite)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  return fails(fd, "write") ? -1 : REAL(pwrite64)(fd, data, size, at);
}
int fsync(int fd) { return fails(fd, "sync") ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails(fd, "sync") ? -1 : REAL(fdatasync)(fd); }

static mode_t mode_of(va_list rest, int flags) { return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(rest, int) : 0; }

#define OPEN(name)                                                   \
  int name(const char* path, int flags, ...) {                       \
    va_list rest;                                                    \
    va_start(rest, flags);                                           \
    mode_t mode = mode_of(rest, flags);                              \
    va_end(rest);                                                    \
    return denied(path, flags) ? -1 : REAL(name)(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)
