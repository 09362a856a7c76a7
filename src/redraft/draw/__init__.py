"""Drawings of boards: one model of what a board shows, and the terminal, SVG and pixels that draw it."""
