"""ARC-AGI: votes over augmentations, scores, submissions, and adaptation to new tasks."""
