// What clang compiles to PTX: the entry points. Not part of the C++ build; see tools/gpu_kernels.py.
#define LNX_KERNEL static inline __attribute__((always_inline))
#define LNX_ROLLED _Pragma("clang loop unroll(disable)")
#include "runtime/cuda/kernels/preprocess_body.h"

extern "C" {

// A thread per pixel of the model's input; blocks of 32 x 8.
__attribute__((nvptx_kernel)) void lnx_preprocess(lnx::kernels::Preprocess p) {
  const int x = static_cast<int>(__nvvm_read_ptx_sreg_ctaid_x() * __nvvm_read_ptx_sreg_ntid_x() + __nvvm_read_ptx_sreg_tid_x());
  const int y = static_cast<int>(__nvvm_read_ptx_sreg_ctaid_y() * __nvvm_read_ptx_sreg_ntid_y() + __nvvm_read_ptx_sreg_tid_y());
  if (x < p.out_width && y < p.out_height) lnx::kernels::MakePixel(p, x, y);
}

// A little arithmetic, so that the GPU does not fall asleep. `out`: one float per thread.
__attribute__((nvptx_kernel)) void lnx_keep_warm(float* out, int rounds) {
  const int i = static_cast<int>(__nvvm_read_ptx_sreg_ctaid_x() * __nvvm_read_ptx_sreg_ntid_x() + __nvvm_read_ptx_sreg_tid_x());
  float v = out[i];
  for (int r = 0; r < rounds; ++r) v = v * 0.999f + 0.001f;
  out[i] = v;
}
}
