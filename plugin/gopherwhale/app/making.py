"""gopherwhale new: a new Go repository from the template that this package carries."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gopherwhale.adopt import rendering
from gopherwhale.app.request import Request
from gopherwhale.app.writing import read_answers
from gopherwhale.console import printable
from gopherwhale.errors import ExitCode, UsageError


def new(
    request: Request, *, answer: Sequence[str] = (), template: str = "", no_input: bool = False
) -> ExitCode:
    """Make a new repository below the folder that the command is called in, as cookiecutter does.

    Args:
        request: What was asked for.
        answer: `QUESTION=ANSWER`: the defaults of the questions.
        template: Another template than this package's own.
        no_input: Take the defaults, and ask nothing.

    Raises:
        UsageError: An answer is refused, or there is nobody to ask.
    """
    if not no_input and request.console.ask is None:
        raise UsageError("there is nobody to ask", hint="--no-input takes the defaults, --answer sets them")
    # Told before a person has answered a dozen questions.
    if not os.access(request.start, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write to {request.start}", hint="call it in a folder of your own")
    before = set(request.start.iterdir())
    with rendering.opened(template) as folder:
        given = read_answers(answer, rendering.questions(folder))
        said = rendering.make(folder, given, request.start, ask=not no_input)
    # The next steps, and why there is no first commit where one was asked for.
    for line in said.strip().splitlines():
        request.console.say(printable(line))
    made = [str(path) for path in sorted(set(request.start.iterdir()) - before)]
    if no_input:
        request.console.show("\n".join(made), {"schema": 1, "folders": made})
    return ExitCode.GOOD
