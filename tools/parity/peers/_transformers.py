"""A model of transformers as a graph from "x" (N x 3 x side x side) to "logits"."""

import torch
from _case import MODEL


class Logits(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, pixel_values):
        return self.inner(pixel_values=pixel_values).logits


def export_logits(model, side):
    """Writes MODEL."""
    example = torch.zeros(1, 3, side, side)
    torch.onnx.export(Logits(model), example, str(MODEL), input_names=["x"], output_names=["logits"], opset_version=17, dynamo=False)
