"""Mazes: shortest paths, their generator, rules and notation."""
