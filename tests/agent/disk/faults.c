/* A disk that fails on demand, preloaded into the agent (LD_PRELOAD), for the files below LNX_DISK_ROOT.
 *
 * What would survive a power cut is kept in LNX_DISK_SHADOW: `f<inode>` is a file as it was at its last fsync, `d<inode>` the
 * names in a folder at its last fsync (kind, inode, name, each ended by a zero byte). A file that loses its name keeps its inode
 * through a link in `kept/`, so that no number is given twice. tests/agent/disk_faults.py puts a tree together from that, as a
 * machine would find it after the power came back.
 *
 * LNX_DISK_CONTROL names a file with words; while it has them, things go wrong:
 *   fsync-lies   fsync says yes and keeps nothing       fsync-eio    fsync fails      fsync-slow   fsync takes 500 ms
 *   write-eio    writing fails                          write-full   the disk is full  read-only    nothing can be opened to
 * write
 *   held         no file gets another name, as while a virus scanner holds it
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char* Setting(const char* name) {
  const char* value = getenv(name);
  return value ? value : "";
}

static int Below(const char* path) {
  const char* root = Setting("LNX_DISK_ROOT");
  const size_t length = strlen(root);
  return length > 0 && strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static int OfDisk(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = '\0';
  return Below(path);
}

static int Ordered(const char* word) {
  char text[256] = "";
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, Setting("LNX_DISK_CONTROL"), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const long length = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  text[length > 0 ? length : 0] = '\0';
  return strstr(text, word) != NULL;
}

static int Fails(int error) {
  errno = error;
  return -1;
}

/* ── what is durable ───────────────────────────────────────────────────────────────────────────────────────────────────────── */

static void ShadowPath(char* out, size_t size, char kind, ino_t inode, const char* suffix) {
  snprintf(out, size, "%s/%c%llu%s", Setting("LNX_DISK_SHADOW"), kind, (unsigned long long)inode, suffix);
}

static void WriteAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const long done = syscall(SYS_write, fd, data, size);
    if (done <= 0) abort();
    data += done;
    size -= (size_t)done;
  }
}

static void KeepFolder(int fd, int out) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  DIR* folder = opendir(path);
  if (!folder) abort();
  const struct dirent* entry;
  while ((entry = readdir(folder)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    const char kind = entry->d_type == DT_DIR ? 'd' : 'f';
    const int length = snprintf(line, sizeof line, "%c%llu %s", kind, (unsigned long long)entry->d_ino, entry->d_name);
    WriteAll(out, line, (size_t)length + 1);
  }
  closedir(folder);
}

static void KeepFile(int fd, int out) {
  static __thread char buffer[1 << 16];
  long done;
  for (off_t at = 0; (done = syscall(SYS_pread64, fd, buffer, sizeof buffer, at)) > 0; at += done)
    WriteAll(out, buffer, (size_t)done);
}

static void Keep(int fd) {
  struct stat about;
  char final[4096], temporary[4096], suffix[32];
  if (fstat(fd, &about) != 0) abort();
  const int folder = S_ISDIR(about.st_mode);
  snprintf(suffix, sizeof suffix, ".%ld", (long)syscall(SYS_gettid));
  ShadowPath(final, sizeof final, folder ? 'd' : 'f', about.st_ino, "");
  ShadowPath(temporary, sizeof temporary, 't', about.st_ino, suffix);
  const int out = (int)syscall(SYS_openat, AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, about.st_mode & 0777);
  /* A file opened for writing alone cannot be read through its descriptor. */
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const int in = folder ? fd : (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
  if (out < 0 || in < 0) abort();
  if (folder) {
    KeepFolder(in, out);
  } else {
    KeepFile(in, out);
    syscall(SYS_close, in);
  }
  syscall(SYS_close, out);
  syscall(SYS_renameat, AT_FDCWD, temporary, AT_FDCWD, final);
}

static void KeepInode(const char* path) {
  struct stat about;
  char kept[4096];
  if (!Below(path) || lstat(path, &about) != 0 || !S_ISREG(about.st_mode)) return;
  snprintf(kept, sizeof kept, "%s/kept/%llu", Setting("LNX_DISK_SHADOW"), (unsigned long long)about.st_ino);
  if (link(path, kept) != 0 && errno != EEXIST) abort();
}

static int Sync(int fd) {
  if (!OfDisk(fd)) return (int)syscall(SYS_fsync, fd);
  if (Ordered("fsync-slow")) usleep(500000);
  if (Ordered("fsync-eio")) return Fails(EIO);
  if (!Ordered("fsync-lies")) Keep(fd);
  return 0;
}

int fsync(int fd) { return Sync(fd); }
int fdatasync(int fd) { return Sync(fd); }

/* ── what changes names ────────────────────────────────────────────────────────────────────────────────────────────────────── */

int unlink(const char* path) {
  KeepInode(path);
  return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int rename(const char* from, const char* to) {
  KeepInode(to);
  if (Below(to) && Ordered("held")) return Fails(EACCES);
  return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

/* ── what writes ───────────────────────────────────────────────────────────────────────────────────────────────────────────── */

static int Refused(int fd) {
  if (!OfDisk(fd)) return 0;
  return Ordered("write-eio") ? EIO : Ordered("write-full") ? ENOSPC : 0;
}

ssize_t write(int fd, const void* data, size_t size) {
  const int error = Refused(fd);
  return error ? Fails(error) : syscall(SYS_write, fd, data, size);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  const int error = Refused(fd);
  return error ? Fails(error) : syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

static int OpenAt(int folder, const char* path, int flags, mode_t mode) {
  const int writes = (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
  if (writes && Below(path) && Ordered("read-only")) return Fails(EROFS);
  return (int)syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE_OF(flags)                     \
  mode_t mode = 0;                         \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { \
    va_list rest;                          \
    va_start(rest, flags);                 \
    mode = va_arg(rest, mode_t);           \
    va_end(rest);                          \
  }

int open(const char* path, int flags, ...) {
  MODE_OF(flags)
  return OpenAt(AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  MODE_OF(flags)
  return OpenAt(AT_FDCWD, path, flags, mode);
}
