// Inspects one 24-bit BMP file.  Inspect.exe MODEL.lnx PICTURE.bmp [PUBLIC_KEY.pem]
// Windows: csc /platform:x64 Inspect.cs Lnx.cs     Linux: mcs Inspect.cs Lnx.cs && mono Inspect.exe ...
using System;
using System.IO;
using System.Text;

static class Inspect {
  static int Main(string[] arguments) {
    Console.OutputEncoding = new UTF8Encoding(false);
    if (arguments.Length < 2) {
      Console.Error.WriteLine("usage: Inspect.exe MODEL.lnx PICTURE.bmp [PUBLIC_KEY.pem]");
      return 2;
    }
    byte[] file = File.ReadAllBytes(arguments[1]);
    if (file.Length < 54 || file[0] != 'B' || file[1] != 'M' || file[28] != 24) {
      Console.Error.WriteLine("no 24-bit BMP");
      return 2;
    }
    int begin = BitConverter.ToInt32(file, 10), width = BitConverter.ToInt32(file, 18), height = BitConverter.ToInt32(file, 22);
    int stride = (width * 3 + 3) / 4 * 4;
    if (width < 1 || height < 1 || file.Length < begin + (long)stride * height) {
      Console.Error.WriteLine("BMP too short");
      return 2;
    }
    try {
      using (var session = new Lnx.Session(arguments[0], "cpu", arguments.Length > 2 ? arguments[2] : null))
      using (Lnx.Result result = session.Run(file, width, height, Lnx.PixelFormat.Bgr8, -stride, begin + stride * (height - 1))) {
        Console.WriteLine(result.Json());
        Console.Error.WriteLine("{0}  {1}", result.Verdict, result.Reason);
        return 0;
      }
    } catch (Lnx.LnxException error) {
      Console.Error.WriteLine(error.Message);
      return 1;
    }
  }
}
