"""Sudoku: rules, generator, search, and every notation that people write it in."""
