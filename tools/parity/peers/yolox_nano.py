"""YOLOX: heads decoded in the graph."""

from _yolox import compared

compared("YOLOX, decoded heads", decoded=True)
