"""FFmpeg as a network camera: multipart MJPEG over TCP for one client. python mjpeg_server.py PORT FRAMES FPS"""

from __future__ import annotations

import sys
import time

import av
import numpy as np

port, frames, fps = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
with av.open(f"tcp://127.0.0.1:{port}?listen", "w", format="mpjpeg") as container:  # waits for its client
    stream = container.add_stream("mjpeg", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
    for i in range(frames):
        picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), i % 25 * 10, np.uint8), format="bgr24")
        picture.pts = i
        container.mux(stream.encode(picture))
        time.sleep(1 / fps)
