"""The plain twin of the core in numpy, OpenCV and Pillow: what packing records goldens with, and what tests compare the core with."""

from lnx.reference.decode import decode
from lnx.reference.preprocess import Geometry, preprocess
from lnx.reference.runner import ReferenceModel, ReferenceResult

__all__ = ["Geometry", "ReferenceModel", "ReferenceResult", "decode", "preprocess"]
