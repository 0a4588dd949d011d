"""GStreamer's RTSP server with a test picture (JPEG over RTP): /usr/bin/python3 rtsp_server.py; prints its port."""

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
PICTURE = "video/x-raw,format=I420,width=320,height=240,framerate=20/1"
factory.set_launch(f"( videotestsrc is-live=true ! {PICTURE} ! jpegenc ! rtpjpegpay name=pay0 pt=26 )")
factory.set_shared(True)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
