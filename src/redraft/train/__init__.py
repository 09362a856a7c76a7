"""Training: deep supervision over slots that refill as they halt, checkpoints that resume bit for bit."""

from redraft.calling import make_callable

make_callable(__name__)
