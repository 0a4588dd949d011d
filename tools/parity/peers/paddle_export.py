"""PP-YOLOE exported by PaddleDetection with suppression in the graph."""

from _paddle_export import compared

compared("PP-YOLOE, an export of PaddleDetection")
