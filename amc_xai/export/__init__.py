"""A trained network as an ONNX file, for receivers that have no torch."""
