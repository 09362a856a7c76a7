"""Errors that a user can cause and fix: a command prints the message and exits with status 2, without a traceback."""

from collections.abc import Mapping


class RedraftError(Exception):
    """Base of every error caused by the input, a file or an option, not by a fault in redraft.

    The message states what was wrong, where, and what would be right.
    """


class PuzzleError(RedraftError):
    """A puzzle that cannot be read or cannot be solved.

    `place` is where it came from (`puzzles.txt, line 18`), empty for a puzzle given directly.
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
    """A file that names code to run without the user's consent."""


class DataWarning(UserWarning):
    """Input that was read, but may be a mistake; a command prints the warning and continues."""


def require_at_least(least: float, values: Mapping[str, float | None]) -> None:
    """Raises ConfigError naming the first of these values that is smaller; None is a value not given."""
    for name, value in values.items():
        if value is not None and not value >= least:  # NaN is not either
            raise ConfigError(f"{name}: expected at least {least}, got {value}")
