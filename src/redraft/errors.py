"""Errors a user can cause and mend: the command prints their message and exits with status 2, without a traceback."""

from collections.abc import Mapping


class RedraftError(Exception):
    """Base of every error whose cause is the input, a file or an option rather than a fault in redraft.

    The message says what was wrong, where, and what would be right.
    """


class PuzzleError(RedraftError):
    """A puzzle that cannot be read or cannot be solved.

    `place` names where it came from (`puzzles.txt, line 18`), or is empty for a puzzle given directly.
    """

    def __init__(self, message: str, place: str = "") -> None:
        self.message, self.place = message, place
        super().__init__(f"{place}: {message}" if place else message)


class DataError(RedraftError):
    """A data file or folder that is missing, damaged, or of another task."""


class ConfigError(RedraftError):
    """A configuration with an unknown key or a value out of range."""


class WeightsError(RedraftError):
    """Weights that are missing, damaged, or do not fit their configuration."""


class TrustError(RedraftError):
    """A file that would have code run which nobody has consented to."""


class DataWarning(UserWarning):
    """Input that was read, but may not have been meant as it was: the command prints it and goes on."""


def require_at_least(least: float, values: Mapping[str, float | None]) -> None:
    """Raises ConfigError naming the first of these values that is smaller; None is a value not given."""
    for name, value in values.items():
        if value is not None and value < least:
            raise ConfigError(f"{name}: expected at least {least}, got {value}")
