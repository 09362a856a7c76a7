"""Drawings of boards: SVG, and pixels as PNG or GIF."""
