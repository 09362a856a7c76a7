"""The cost of each way to run a model: bytes of weights and runtime, memory, milliseconds and joules per step."""
