"""LNX Edge: runs a packed, signed vision model, and proves what it did.

import lnx

with lnx.Session("part.lnx", device="auto") as session:
    result = session.run("part.png")
    print(result.verdict, result.score)
"""

from lnx.errors import LnxError
from lnx.images import read_image, write_image
from lnx.result import ClassScore, DetectedObject, Polygon, Region, Result, Verdict
from lnx.session import Session, doctor

__all__ = [
    "ClassScore",
    "DetectedObject",
    "LnxError",
    "Polygon",
    "Region",
    "Result",
    "Session",
    "Verdict",
    "doctor",
    "read_image",
    "write_image",
]
