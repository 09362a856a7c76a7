"""Serving: the same functions over HTTP and for language models, and the page that solves in the browser."""
