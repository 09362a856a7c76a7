"""The laboratory: suites of ablations, each row of which is a normal, resumable run."""
