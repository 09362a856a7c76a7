"""Solving: run a model's steps on many puzzles at once, each until it halts, and judge every answer by the rules."""
