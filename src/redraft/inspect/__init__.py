"""Inspection of a model at work: drafts and latents at each step, how far states move, which cells depend on which."""

from redraft.calling import make_callable

make_callable(__name__)
