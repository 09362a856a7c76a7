"""Paired comparison of models, and of language models, on the same rows."""

from redraft.calling import make_callable

make_callable(__name__)
