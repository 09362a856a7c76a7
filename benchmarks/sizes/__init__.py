"""What solving takes by way of running: bytes of weights and runtime, memory, milliseconds and joules per step."""
