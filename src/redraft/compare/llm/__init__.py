"""What tiny recursive models are measured against: language models asked the same puzzles, and what papers report."""
