"""Which ways to stop, restart and guess solve how much, at what cost."""
