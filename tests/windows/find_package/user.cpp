#include <cstdio>
#include <lnx/lnx.hpp>

int main() {
  LnxVersionInfo version = {};
  version.struct_size = sizeof version;
  lnx::Check(LnxGetVersion(&version));
  std::printf("%s %u\n", version.sdk, static_cast<unsigned>(version.abi_major));
  return version.abi_major == LNX_ABI_MAJOR ? 0 : 1;
}
