"""YOLOX: heads as they are, decoded by its own head after the graph."""

from _yolox import compared

compared("YOLOX, raw heads", decoded=False)
