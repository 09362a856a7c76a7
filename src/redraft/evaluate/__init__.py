"""Evaluation: how often a model is right on puzzles it has not seen, step by step, and whether it knows it."""

from redraft.calling import make_callable

make_callable(__name__)
