"""Every failure that a user can meet, with the exit code that a script can rely on.

A leaf: it imports nothing of ours. The front ends turn these errors into one or two lines on stderr; a
traceback is for our own bugs alone.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The process exit codes, stable between releases."""

    GOOD = 0
    BUG = 1
    USAGE = 2
    VERIFICATION = 10
    BUILD = 11
    REGISTRY = 12
    AUTHENTICATION = 13
    MISSING = 14
    CONFLICT = 15
    # As a shell counts what SIGINT ended.
    INTERRUPTED = 130


class GopherwhaleError(Exception):
    """Base of all our errors.

    Args:
        problem: What failed and where, in one sentence without a full stop.
        hint: What to do about it; empty where the problem says it already.
    """

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, problem: str, *, hint: str = "") -> None:
        """Keep the two parts apart, so that a machine may show them apart."""
        super().__init__(problem)
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        """One or two lines: the problem, then what to do."""
        return f"{self.problem}\n  {self.hint}" if self.hint else self.problem


def system_refusal(error: OSError) -> str:
    """What the system refused, after the name of the file where it was one."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


class UsageError(GopherwhaleError):
    """A flag, a setting, a reference or a file of the user's cannot be used as it is."""

    exit_code = ExitCode.USAGE


class VerificationError(GopherwhaleError):
    """What was delivered is not what was asked for."""

    exit_code = ExitCode.VERIFICATION


class LayoutError(VerificationError):
    """An image layout, archive or document is damaged, ambiguous or beyond our bounds.

    Args:
        problem: As for every error of ours.
        hint: The same.
        code: The code of the finding that it becomes where an image is judged (`verify/codes.py`).
    """

    def __init__(self, problem: str, *, hint: str = "", code: str = "damaged") -> None:
        """Keep the code too."""
        super().__init__(problem, hint=hint)
        self.code = code


class BuildError(GopherwhaleError):
    """An engine could not build a platform."""

    exit_code = ExitCode.BUILD


class RegistryError(GopherwhaleError):
    """A registry refused, answered nonsense or could not be reached."""

    exit_code = ExitCode.REGISTRY


class AuthenticationError(GopherwhaleError):
    """A registry wants credentials that we do not have, or refuses those that we have."""

    exit_code = ExitCode.AUTHENTICATION


class MissingToolError(GopherwhaleError):
    """Something that must be installed is not: Docker, Go or git."""

    exit_code = ExitCode.MISSING
