"""The published TRM code beside ours: each implementation in a process of its own."""
