"""Language models as contenders, and figures that papers report."""
