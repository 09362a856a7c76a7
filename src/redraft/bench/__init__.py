"""Speed of training and solving on this machine."""
