"""Models in NumPy alone: a small puzzle is solved in less time than PyTorch takes to be imported."""
