"""Evaluation: accuracy on unseen puzzles after each step, and quality of the halting head."""

from redraft.calling import make_callable

make_callable(__name__)
