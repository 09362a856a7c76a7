"""ARC-AGI: grids of colours, tasks as files, augmentations, and made tasks."""
