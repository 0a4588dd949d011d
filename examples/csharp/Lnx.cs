// A small typed wrapper over the C ABI: Session, Result, LnxException. Compiles with .NET Framework 4.5, .NET and Mono (x64 only).
// Text is UTF-8 on both sides. A Result is freed with `using`, a Session too; both may be used from any thread.
using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Lnx {

public enum Verdict { Undefined = 0, OK = 1, NG = 2, Review = 3 }
public enum PixelFormat : uint {
  Gray8 = 1, Gray16 = 2, Bgr8 = 3, Rgb8 = 4, Bgra8 = 5, Rgba8 = 6, Gray10P = 7, Gray12P = 8,
  BayerRG8 = 16, BayerBG8 = 17, BayerGR8 = 18, BayerGB8 = 19, BayerRG16 = 20, BayerBG16 = 21, BayerGR16 = 22, BayerGB16 = 23,
  Nv12 = 32, F32Planar = 48, F32Gray = 49
}

public sealed class LnxException : Exception {
  public readonly int Status;
  internal LnxException(int status, string text) : base(text) { Status = status; }
}

static class Native {
  const string Library = "lnx";  // lnx.dll, liblnx.so

  [StructLayout(LayoutKind.Sequential)]
  public struct InitOptions {
    public uint struct_size, run_slots;
    public IntPtr device;
    public uint allow_cpu_fallback, cpu_threads, max_batch, queue_depth;
    public IntPtr runtime_dir, key_file, trusted_keys;
    public uint trusted_key_count, want;
    public double threshold, guard_band, min_area_px;
    public IntPtr class_thresholds, class_min_areas_px;
    public uint class_threshold_count, class_min_area_count;
    public uint warm_up_runs, events;
    public IntPtr progress, progress_user, log, log_user, program, license_file;
    public uint license_wait_ms, reserved;
    public IntPtr license_changed, license_user;
    public uint tile_width, tile_height; public double tile_overlap;
    public uint gpu_keep_warm_ms, keep_warm_minutes, submit_batch, reserved2;
  }

  [StructLayout(LayoutKind.Sequential)]
  public struct Image {
    public uint struct_size, pixel_format;
    public IntPtr data;
    public int width, height;
    public long stride_bytes;
    public uint valid_bits, memory;
    public int device;
    public uint reserved;
    public IntPtr cuda_stream;
    public int roi_x, roi_y, roi_width, roi_height;
    public ulong user_tag;
  }

  [StructLayout(LayoutKind.Sequential)]
  public struct ErrorInfo {
    public uint struct_size;
    public int status;
    public IntPtr name, message, found, expected, where, fix, page;
    public long os_code;
  }

  // The first fields of LnxSummary; struct_size tells the library how many bytes there are.
  [StructLayout(LayoutKind.Sequential)]
  public struct Summary {
    public uint struct_size;
    public int task;
    public ulong sequence, user_tag;
    public int verdict;
    public uint verdict_rule;
    public float score_raw, score_norm, threshold, guard_band;
    public uint provider, precision, flags;
    public int image_width, image_height;
    public uint reserved;
    [MarshalAs(UnmanagedType.ByValArray, SizeConst = 32)] public byte[] model_sha256;
    public IntPtr verdict_reason;
    public uint queue, pre, host_to_device, infer, device_to_host, post, total, timings_reserved;
  }

  [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern void LnxInitOptionsInitSized(ref InitOptions options, uint structSize);
  [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int LnxInitialize(byte[] path, ref InitOptions options, out IntPtr handle);
  [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern void LnxImageInitSized(ref Image image, uint structSize, IntPtr data, int width, int height, long stride, uint format);
  [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int LnxRun(IntPtr handle, ref Image images, uint n, IntPtr options, out IntPtr result);
  [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int LnxResultSummary(IntPtr result, uint i, ref Summary summary);
  [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int LnxResultToJson(IntPtr result, uint i, byte[] buffer, uint capacity, out uint needed);
  [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern void LnxResultRelease(IntPtr result);
  [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int LnxLastError(ref ErrorInfo info);
  [DllImport(Library, CallingConvention = CallingConvention.Cdecl)] public static extern int LnxUninitialize(ref IntPtr handle);

  public static byte[] Utf8(string text) { return Encoding.UTF8.GetBytes(text + "\0"); }

  public static string Text(IntPtr utf8) {
    if (utf8 == IntPtr.Zero) return "";
    int n = 0;
    while (Marshal.ReadByte(utf8, n) != 0) ++n;
    byte[] bytes = new byte[n];
    Marshal.Copy(utf8, bytes, 0, n);
    return Encoding.UTF8.GetString(bytes);
  }

  public static void Check(int status) {
    if (status == 0) return;
    ErrorInfo info = new ErrorInfo { struct_size = (uint)Marshal.SizeOf(typeof(ErrorInfo)) };
    LnxLastError(ref info);
    throw new LnxException(status, Text(info.message));
  }
}

public sealed class Result : IDisposable {
  IntPtr result_;
  internal Result(IntPtr result) { result_ = result; }
  public void Dispose() { Native.LnxResultRelease(result_); result_ = IntPtr.Zero; }

  Native.Summary Summary() {
    Native.Summary summary = new Native.Summary { struct_size = (uint)Marshal.SizeOf(typeof(Native.Summary)) };
    Native.Check(Native.LnxResultSummary(result_, 0, ref summary));
    return summary;
  }
  public Verdict Verdict { get { return (Verdict)Summary().verdict; } }
  public float Score { get { return Summary().score_raw; } }
  public string Reason { get { return Native.Text(Summary().verdict_reason); } }

  // One line of JSON; schema: docs/reference/result.schema.json.
  public string Json() {
    uint needed;
    Native.Check(Native.LnxResultToJson(result_, 0, null, 0, out needed));
    byte[] buffer = new byte[needed];
    Native.Check(Native.LnxResultToJson(result_, 0, buffer, needed, out needed));
    return Encoding.UTF8.GetString(buffer, 0, (int)needed - 1);
  }
}

public sealed class Session : IDisposable {
  IntPtr handle_;

  // device: "auto", "cpu" or "cuda:N". trustedKey: a public key file (PEM), or null.
  public Session(string modelPath, string device = "auto", string trustedKey = null) {
    Native.InitOptions options = new Native.InitOptions();
    Native.LnxInitOptionsInitSized(ref options, (uint)Marshal.SizeOf(typeof(Native.InitOptions)));
    GCHandle deviceText = GCHandle.Alloc(Native.Utf8(device), GCHandleType.Pinned);
    GCHandle keyText = GCHandle.Alloc(Native.Utf8(trustedKey ?? ""), GCHandleType.Pinned);
    GCHandle keys = GCHandle.Alloc(new[] { keyText.AddrOfPinnedObject() }, GCHandleType.Pinned);
    try {
      options.device = deviceText.AddrOfPinnedObject();
      options.trusted_keys = keys.AddrOfPinnedObject();
      options.trusted_key_count = trustedKey == null ? 0u : 1u;
      Native.Check(Native.LnxInitialize(Native.Utf8(modelPath), ref options, out handle_));
    } finally {
      keys.Free();
      keyText.Free();
      deviceText.Free();
    }
  }
  public void Dispose() { Native.LnxUninitialize(ref handle_); }

  // Pixels in managed memory, pinned during the run. stride: bytes from row to row, 0 = no padding; first: offset of the top row.
  public Result Run(byte[] pixels, int width, int height, PixelFormat format, long stride = 0, int first = 0) {
    GCHandle pinned = GCHandle.Alloc(pixels, GCHandleType.Pinned);
    try {
      Native.Image image = new Native.Image();
      Native.LnxImageInitSized(ref image, (uint)Marshal.SizeOf(typeof(Native.Image)), IntPtr.Add(pinned.AddrOfPinnedObject(), first), width, height, stride, (uint)format);
      IntPtr result;
      Native.Check(Native.LnxRun(handle_, ref image, 1, IntPtr.Zero, out result));
      return new Result(result);
    } finally {
      pinned.Free();
    }
  }
}

}  // namespace Lnx
