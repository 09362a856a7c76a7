"""People's own puzzles: pairs of grids, their symbols, symmetries and checkers."""
