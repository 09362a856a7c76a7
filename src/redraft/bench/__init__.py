"""Measuring speed: training, solving and making puzzles, beside the published TRM code where that is at hand."""
