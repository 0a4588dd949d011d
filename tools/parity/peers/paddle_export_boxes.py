"""PP-YOLOE exported by PaddleDetection without suppression (exclude_nms): boxes in pixels of the picture, and scores."""

from _paddle_export import compared

compared("PP-YOLOE, an export of PaddleDetection without suppression", without_nms=True)
