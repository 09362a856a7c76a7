"""Paired comparison of models, and of language models, on the same rows."""
