"""From a task to batches: build or open a store of examples, sample and augment it as a function of the step."""
