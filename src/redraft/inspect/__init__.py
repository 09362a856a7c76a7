"""Looks inside a model at work: what it drafts and thinks at every step, how far it moves, which cells it minds."""

from redraft.calling import make_callable

make_callable(__name__)
