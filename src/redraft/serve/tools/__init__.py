"""Tools for language models: the service in words, and the Model Context Protocol."""
