"""Export: a model's step as an ONNX graph that runs without PyTorch, in float32 or 8-bit integers."""
