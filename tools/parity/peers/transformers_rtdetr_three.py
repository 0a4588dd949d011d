"""RT-DETR: labels, boxes and scores from a graph that knows the size of the picture."""

from _rtdetr import compared

compared("RT-DETR, three outputs", three=True)
