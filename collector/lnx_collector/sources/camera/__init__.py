"""type = "camera": pictures of a USB, built-in or network camera (RTSP, MJPEG), so many per second; a video file may stand in for it."""

from pathlib import Path

from lnx_collector.contract import SourceKind
from lnx_collector.sources.camera.settings import CameraSettings
from lnx_collector.sources.camera.source import CameraSource

KIND = SourceKind(CameraSettings, CameraSource, Path(__file__).with_name("sample.toml"))
