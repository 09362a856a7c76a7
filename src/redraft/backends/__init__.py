"""Backends, which run a model's steps for the solver: PyTorch, NumPy and ONNX Runtime, behind one protocol."""
