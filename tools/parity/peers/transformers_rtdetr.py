"""RT-DETR: logits and boxes."""

from _rtdetr import compared

compared("RT-DETR, logits and boxes", three=False)
