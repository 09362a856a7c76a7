"""Accuracy against compute for policies to stop, restart and guess."""
