"""Holds our preprocessing and decoding against the projects that train the families: `dev.py parity`.

Each script of peers/ runs in an environment of its own with one project installed. It exports a graph of that project's architecture with
random weights, and says what the project's own preprocessing and postprocessing make of photographs; ONNX Runtime runs the graph on both
sides, so that what differs is ours. The graph then goes through `lnx pack --preset` and the core, and both answers are compared.
"""
