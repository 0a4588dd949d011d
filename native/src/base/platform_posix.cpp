// The POSIX side of base/platform.h.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/platform.h"
#include "base/status.h"

namespace lnx::platform {
namespace {

class MappedFile final : public FileView {
 public:
  MappedFile(void* memory, size_t bytes) : memory_(memory), bytes_(bytes) {}
  ~MappedFile() override {
    if (bytes_ > 0) munmap(memory_, bytes_);
  }
  Bytes bytes() const override { return {static_cast<const uint8_t*>(memory_), bytes_}; }

 private:
  void* memory_;
  size_t bytes_;
};

class LoadedFile final : public FileView {
 public:
  explicit LoadedFile(std::vector<uint8_t> content) : content_(std::move(content)) {}
  Bytes bytes() const override { return {content_.data(), content_.size()}; }

 private:
  std::vector<uint8_t> content_;
};

// Closes a descriptor on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void FailRead(const std::string& path, int code) {
  const LnxStatus status = code == ENOENT || code == ENOTDIR ? LNX_E_FILE_NOT_FOUND : LNX_E_FILE_READ;
  Fail(status, {OsErrorText(code), "a readable file", path, {}, code});
}

uint64_t SizeOfRegular(int fd, const std::string& path, uint64_t max_bytes) {
  if (fd < 0) FailRead(path, errno);
  struct stat info = {};
  if (fstat(fd, &info) != 0) FailRead(path, errno);
  if (S_ISDIR(info.st_mode)) FailRead(path, EISDIR);
  if (!S_ISREG(info.st_mode)) Fail(LNX_E_FILE_READ, {"a device, pipe or socket", "a regular file", path});
  const auto bytes = static_cast<uint64_t>(info.st_size);
  if (bytes > max_bytes) {
    Fail(LNX_E_LIMIT, {std::to_string(bytes) + " bytes", "at most " + std::to_string(max_bytes) + " bytes", path});
  }
  return bytes;
}

class OpenFile final : public InputFile {
 public:
  OpenFile(const std::string& path, uint64_t max_bytes)
      : file_(open(path.c_str(), O_RDONLY | O_CLOEXEC)), bytes_(SizeOfRegular(file_.get(), path, max_bytes)), path_(path) {}
  uint64_t bytes() const override { return bytes_; }
  void Read(uint64_t offset, uint8_t* to, size_t n) const override {
    while (n > 0) {
      const ssize_t got = pread(file_.get(), to, n, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) FailRead(path_, errno);
      if (got == 0) Fail(LNX_E_FILE_READ, {"the end at byte " + std::to_string(offset), "a file that keeps its size", path_});
      offset += static_cast<uint64_t>(got);
      to += got;
      n -= static_cast<size_t>(got);
    }
  }

 private:
  Descriptor file_;
  uint64_t bytes_;
  std::string path_;
};

}  // namespace

std::unique_ptr<InputFile> InputFile::Open(const std::string& path, uint64_t max_bytes) {
  return std::make_unique<OpenFile>(path, max_bytes);
}

std::unique_ptr<FileView> FileView::Open(const std::string& path, uint64_t max_bytes) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const uint64_t bytes = SizeOfRegular(file.get(), path, max_bytes);
  if (bytes == 0) return std::make_unique<LoadedFile>(std::vector<uint8_t>());
  void* memory = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (memory != MAP_FAILED) return std::make_unique<MappedFile>(memory, bytes);
  std::vector<uint8_t> content(bytes);
  size_t filled = 0;
  while (filled < bytes) {
    const ssize_t n = read(file.get(), content.data() + filled, bytes - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) FailRead(path, errno);
    if (n == 0) break;
    filled += static_cast<size_t>(n);
  }
  content.resize(filled);
  return std::make_unique<LoadedFile>(std::move(content));
}

bool FileExists(const std::string& path) noexcept {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0;
}

std::vector<std::string> ListFiles(const std::string& folder) {
  std::vector<std::string> files;
  DIR* directory = opendir(folder.c_str());
  if (directory == nullptr) return files;
  while (const dirent* entry = readdir(directory)) {
    const std::string path = JoinPath(folder, entry->d_name);
    struct stat info = {};
    if (stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) files.push_back(path);
  }
  closedir(directory);
  std::sort(files.begin(), files.end());
  return files;
}

std::string JoinPath(const std::string& folder, const std::string& name) {
  if (folder.empty()) return name;
  return folder.back() == '/' ? folder + name : folder + "/" + name;
}

std::string ParentPath(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string AbsolutePath(const std::string& path) {
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) != nullptr) return resolved;
  if (!path.empty() && path.front() == '/') return path;
  char folder[PATH_MAX];
  return getcwd(folder, sizeof folder) != nullptr ? JoinPath(folder, path) : path;
}

void MakeFolders(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) {
      Fail(LNX_E_FILE_READ, {OsErrorText(errno), "a folder that can be made", part, {}, errno});
    }
    if (slash == std::string::npos) return;
  }
}

std::FILE* OpenForAppend(const std::string& path) noexcept { return std::fopen(path.c_str(), "ae"); }

bool RenameFile(const std::string& from, const std::string& to) noexcept { return std::rename(from.c_str(), to.c_str()) == 0; }

bool RemoveFile(const std::string& path) noexcept { return unlink(path.c_str()) == 0; }

uint64_t FileBytes(const std::string& path) noexcept {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) ? static_cast<uint64_t>(info.st_size) : 0;
}

void FlushToDisk(std::FILE* file) noexcept {
  std::fflush(file);
  fsync(fileno(file));
}

std::string GetEnv(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

void SetEnv(const char* name, const char* value) { setenv(name, value, 1); }

std::string ExecutablePath() {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  return n > 0 ? std::string(path, static_cast<size_t>(n)) : "";
}

std::string LibraryPathOfAddress(const void* address) {
  Dl_info info = {};
  if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) return "";
  return AbsolutePath(info.dli_fname);
}

std::string OwnLibraryFolder() {
  static const char marker = 0;
  return ParentPath(LibraryPathOfAddress(&marker));
}

void StayLoaded() noexcept {
  static const char marker = 0;
  Dl_info info = {};
  if (dladdr(&marker, &info) != 0 && info.dli_fname != nullptr) dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

uint32_t ProcessId() noexcept { return static_cast<uint32_t>(getpid()); }

uint32_t PhysicalCores(const std::string& devices) noexcept {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  try {
    // Where cores differ, this file lists the fast ones: "0-7,16".
    std::ifstream fast(devices + "/cpu_core/cpus");
    std::string list;
    if (std::getline(fast, list)) {
      std::set<int> members;
      std::istringstream parts(list);
      for (std::string part; std::getline(parts, part, ',');) {
        const size_t dash = part.find('-');
        const int first = std::stoi(part), last = dash == std::string::npos ? first : std::stoi(part.substr(dash + 1));
        for (int cpu = first; cpu <= last && cpu < CPU_SETSIZE; ++cpu) members.insert(cpu);
      }
      cpu_set_t both;
      CPU_ZERO(&both);
      for (const int cpu : members) {
        if (cpu >= 0 && CPU_ISSET(cpu, &allowed)) CPU_SET(cpu, &both);
      }
      if (CPU_COUNT(&both) > 0) allowed = both;
    }
    // Hyper-threads of one core share a sibling list; each list counts once.
    std::set<std::string> cores;
    uint32_t processors = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &allowed)) continue;
      ++processors;
      std::ifstream file(devices + "/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
      std::string siblings;
      if (std::getline(file, siblings)) cores.insert(siblings);
    }
    return cores.empty() ? std::max(1u, processors) : static_cast<uint32_t>(cores.size());
  } catch (...) {
    return 1;
  }
}

uint32_t PhysicalCores() noexcept {
  static const uint32_t cores = PhysicalCores("/sys/devices");
  return cores;
}

Library LoadLibraryAt(const std::string& absolute_path, std::string* error, int64_t* os_code) noexcept {
  *os_code = 0;
  Library library{dlopen(absolute_path.c_str(), RTLD_NOW | RTLD_LOCAL)};
  if (library.handle == nullptr) {
    const char* text = dlerror();
    try {
      *error = text != nullptr ? text : "dlopen failed";
    } catch (...) {
      error->clear();
    }
  }
  return library;
}

std::vector<std::string> MissingLibraries(const std::vector<std::string>&, const std::string&) { return {}; }

std::string LibraryVersion(const std::string&, const std::string&) { return ""; }

void* FindSymbol(Library library, const char* name) noexcept { return dlsym(library.handle, name); }

Library LoadSmartCardLibrary(std::string* error) {
  const char* name = "libpcsclite.so.1";
  Library library{dlopen(name, RTLD_NOW | RTLD_LOCAL)};
  if (library.handle == nullptr) *error = std::string(name) + " is not installed (Debian: apt install libpcsclite1 pcscd)";
  return library;
}

bool InRemoteSession() noexcept { return false; }

bool ReplaceFile(const std::string& path, const std::string& content) noexcept {
  try {
    MakeFolders(ParentPath(path));
    const std::string temporary = path + "." + std::to_string(getpid()) + ".tmp";
    {
      const Descriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
      if (file.get() < 0) return false;
      const bool whole =
          write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()) && fsync(file.get()) == 0;
      if (!whole) {
        unlink(temporary.c_str());
        return false;
      }
    }
    return std::rename(temporary.c_str(), path.c_str()) == 0;
  } catch (...) {
    return false;
  }
}

std::string StateFolder(bool per_user) {
  if (!per_user) return "/var/lib/lnx/state";
  const std::string chosen = GetEnv("XDG_STATE_HOME"), home = GetEnv("HOME");
  if (!chosen.empty()) return JoinPath(chosen, "lnx");
  return home.empty() ? "" : JoinPath(home, ".local/state/lnx");
}

namespace {

// A socket's abstract name: no file, gone with its process. A copy of the process made by fork() holds it too.
class SocketClaim final : public Claim {
 public:
  explicit SocketClaim(int socket) : socket_(socket) {}
  ~SocketClaim() override {
    if (socket_ >= 0) close(socket_);
  }
  SocketClaim(const SocketClaim&) = delete;
  SocketClaim& operator=(const SocketClaim&) = delete;

 private:
  int socket_;
};

}  // namespace

std::unique_ptr<Claim> Claim::Take(const std::string& name) {
#if defined(__linux__)
  const int own = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  if (own < 0 || name.size() + 1 > sizeof address.sun_path) return std::make_unique<SocketClaim>(own);
  address.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), address.sun_path + 1);  // a name that begins with NUL is abstract
  const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  auto claim = std::make_unique<SocketClaim>(own);
  if (bind(own, reinterpret_cast<const sockaddr*>(&address), bytes) != 0 && errno == EADDRINUSE) return nullptr;
  return claim;
#else
  static_cast<void>(name);
  return std::make_unique<SocketClaim>(-1);
#endif
}

std::string OsErrorText(int64_t os_code) {
  char buffer[256] = {};
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
  return strerror_r(static_cast<int>(os_code), buffer, sizeof buffer);
#else
  strerror_r(static_cast<int>(os_code), buffer, sizeof buffer);
  return buffer;
#endif
}

}  // namespace lnx::platform
