"""What runs a model's steps for the solver: PyTorch, NumPy, or ONNX Runtime, behind one protocol."""
