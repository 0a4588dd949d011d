"""Runtime packs: ONNX Runtime and the CUDA libraries that belong together, from the official packages. `python3 dev.py packs`."""
