#include "FolderCamera.h"

#include <cstring>

namespace {

// The next *.bmp after `last` in the order of the names; the first one when there is none behind it. Empty: no picture at all.
std::wstring NameAfter(const std::wstring& folder, const std::wstring& last) {
  std::wstring first, next;
  WIN32_FIND_DATAW found = {};
  const HANDLE search = FindFirstFileW((folder + L"\\*.bmp").c_str(), &found);
  if (search == INVALID_HANDLE_VALUE) return first;
  do {
    const std::wstring name = found.cFileName;
    if ((found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0) continue;
    if (first.empty() || name < first) first = name;
    if (name > last && (next.empty() || name < next)) next = name;
  } while (FindNextFileW(search, &found));
  FindClose(search);
  return next.empty() ? first : next;
}

bool ReadFileWhole(const std::wstring& path, std::vector<uint8_t>* bytes) {
  const HANDLE file = CreateFileW(path.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, 0, nullptr);
  if (file == INVALID_HANDLE_VALUE) return false;
  LARGE_INTEGER size = {};
  DWORD got = 0;
  bool read = GetFileSizeEx(file, &size) != 0 && size.QuadPart > 0 && size.QuadPart < (1 << 30);
  if (read) {
    bytes->resize(static_cast<size_t>(size.QuadPart));
    read = ReadFile(file, bytes->data(), static_cast<DWORD>(bytes->size()), &got, nullptr) != 0 && got == bytes->size();
  }
  CloseHandle(file);
  return read;
}

// Fills what the headers say; false when this is no 24-bit BMP or its pixels do not lie inside the file.
bool ReadHeaders(Frame* frame) {
  BITMAPFILEHEADER file = {};
  BITMAPINFOHEADER info = {};
  if (frame->file.size() < sizeof file + sizeof info) return false;
  std::memcpy(&file, frame->file.data(), sizeof file);
  std::memcpy(&info, frame->file.data() + sizeof file, sizeof info);
  const bool known = file.bfType == 0x4D42 && info.biBitCount == 24 && info.biCompression == BI_RGB;
  if (!known || info.biWidth < 1 || info.biWidth > 30000 || info.biHeight < 1 || info.biHeight > 30000) return false;
  frame->width = info.biWidth;
  frame->height = info.biHeight;
  frame->stride = (info.biWidth * 3 + 3) / 4 * 4;
  frame->first = file.bfOffBits;
  return frame->file.size() >= frame->first + static_cast<size_t>(frame->stride) * static_cast<size_t>(frame->height);
}

}  // namespace

bool FolderCamera::Next(HANDLE stop, Frame* frame) {
  if (WaitForSingleObject(stop, interval_ms_) != WAIT_TIMEOUT) return false;
  *frame = Frame();
  frame->name = NameAfter(folder_, last_);
  if (frame->name.empty()) {
    frame->error = L"no *.bmp in " + folder_;
    return true;
  }
  last_ = frame->name;
  if (!ReadFileWhole(folder_ + L"\\" + frame->name, &frame->file)) {
    frame->error = frame->name + L" cannot be read";
  } else if (!ReadHeaders(frame)) {
    frame->error = frame->name + L" is no 24-bit BMP, or it is cut short";
  }
  return true;
}
