/* LD_PRELOAD: calls that write or sync files below $FAIL_FOLDER fail with EIO while the file $FAIL_SWITCH exists; its first line
 * names the calls ("write", "sync" or "all"), or "readonly": writes fail with EROFS, as on a file system that turned read-only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(int fd, const char* kind) {
  const char *folder = getenv("FAIL_FOLDER"), *name = getenv("FAIL_SWITCH");
  char link[64], path[4096], mode[16] = "";
  if (!folder || !name || access(name, F_OK) != 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  if (strncmp(path, folder, strlen(folder)) != 0 || strstr(path, "-shm")) return 0;
  FILE* file = fopen(name, "re");
  if (file) {
    if (!fgets(mode, sizeof mode, file)) mode[0] = 0;
    fclose(file);
  }
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
