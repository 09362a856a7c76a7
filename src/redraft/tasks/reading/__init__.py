"""The one reader of puzzles: from a file, a pipe or text to records, for every task and every command.

`source` decodes bytes to lines, `records` finds the entries in them (tables, JSON, bare text), a task's `Notation`
reads an entry, and `puzzles` makes it a puzzle.
"""
