"""The table of a camera, and its address."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from lnx_common.config import Bytes, Seconds, rule_broken
from pydantic import Field, field_validator

from lnx_collector.contract import SourceSettings
from lnx_collector.images.cleaning import Op


class CameraSettings(SourceSettings):
    """type = "camera"."""

    type: Literal["camera"]
    device: int | str
    """Number of a local camera (0 = the first), "/dev/video0", the URL of a network camera, or a video file that plays in its place."""
    backend: Literal["auto", "v4l2", "directshow", "media-foundation", "ffmpeg"] = "auto"
    """Interface to the camera; auto tries those of the system."""
    width: int | None = Field(None, ge=16, le=32768)
    """Asks a local camera for pictures of this width."""
    height: int | None = Field(None, ge=16, le=32768)
    """Asks a local camera for pictures of this height."""
    fps: float = Field(1.0, gt=0, le=1000)
    """Pictures kept per second; what the camera sends in between is passed over."""
    format: Literal["jpg", "png"] = "jpg"
    """png keeps every pixel, jpg is a tenth of the size."""
    ops: tuple[Op, ...] = ()
    """Cleaning: denoise, deblur, rotate, in this order."""
    user: str = ""
    """User at a network camera."""
    password_file: Path | None = None
    """File with the password: passwords do not belong into a configuration."""
    timeout: Seconds = Field(10.0, gt=0)
    """Without a picture for so long the connection is made anew."""
    max_size: Bytes = Field(10 * 10**9, ge=10**6)
    """Most that the pictures of this camera may take on the disk; the oldest are deleted, each counted as lost ("deleted_size")."""
    repeat: bool = False
    """Begin a video file again at its end."""

    @field_validator("device")
    @classmethod
    def _no_password(cls, device: int | str) -> int | str:
        if isinstance(device, str) and "://" in device and "@" in urlsplit(device).netloc:
            raise rule_broken(
                "a URL without user and password; they go to user and password_file", "사용자와 암호는 user와 password_file에 지정"
            )
        return device

    @property
    def where(self) -> str:
        """The camera in messages; without secrets."""
        return str(self.device)

    def address(self) -> int | str:
        """What OpenCV opens. Raises OSError when the password cannot be read."""
        if isinstance(self.device, int) or not self.user:
            return self.device
        password = self.password_file.read_text(encoding="utf-8").strip() if self.password_file else ""
        parts = urlsplit(self.device)
        return urlunsplit(parts._replace(netloc=f"{quote(self.user, safe='')}:{quote(password, safe='')}@{parts.netloc}"))
