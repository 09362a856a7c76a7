"""`redraft arc`: votes on ARC-AGI tasks under many augmentations, scores, submissions, adaptation to new tasks."""

from redraft.commands.group import Group

_HERE = "redraft.commands.arc"
run = Group(
    "redraft arc",
    {
        "eval": (f"{_HERE}.voting:run_eval", "vote on the test inputs of ARC tasks under many augmentations"),
        "merge": (f"{_HERE}.voting:run_merge", "merge the votes of several processes, and score"),
        "adapt": (f"{_HERE}.adapt:run", "train on the demonstrations of new tasks, then vote on their test inputs"),
    },
).run
