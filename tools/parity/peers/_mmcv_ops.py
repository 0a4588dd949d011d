"""mmdet imports the compiled operators of mmcv, which no wheel carries. The detectors here need one of them, batched_nms; it is written
from its documentation on torchvision's nms, class by class. Everything else answers with a class that cannot be used."""

import sys
import types

import torch
import torchvision


def batched_nms(boxes, scores, idxs, nms_cfg, class_agnostic=False):
    """Kept rows of (boxes, scores) best first, and their indices."""
    threshold = nms_cfg["iou_threshold"]
    kept = (
        torchvision.ops.nms(boxes, scores, threshold)
        if class_agnostic
        else torch.cat(
            [(idxs == c).nonzero()[:, 0][torchvision.ops.nms(boxes[idxs == c], scores[idxs == c], threshold)] for c in idxs.unique()]
            or [torch.zeros(0, dtype=torch.long)]
        )
    )
    kept = kept[scores[kept].argsort(descending=True, stable=True)]
    kept = kept[: nms_cfg.get("max_num", len(kept))] if nms_cfg.get("max_num", -1) > 0 else kept
    return torch.cat([boxes[kept], scores[kept, None]], -1), kept


class _Ops(types.ModuleType):
    __path__: tuple[str, ...] = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return batched_nms if name == "batched_nms" else type(name, (torch.nn.Module,), {})


class _Finder:
    def find_spec(self, name, path=None, target=None):
        import importlib.machinery

        if name == "mmcv.ops" or name.startswith("mmcv.ops."):
            return importlib.machinery.ModuleSpec(name, self)
        return None

    def create_module(self, spec):
        return _Ops(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, _Finder())
