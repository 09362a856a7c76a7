"""Training: deep supervision over slots that refill as they halt, checkpoints that resume bit for bit."""
