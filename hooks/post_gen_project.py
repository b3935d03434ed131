"""Say what to do next.

Cookiecutter renders this file as a template and runs it alone in the new repository.
"""  # noqa: INP001 -- a hook is a script, not part of a package

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Print the first commands; the new README has the rest."""
    sys.stdout.write(
        f"\n{Path.cwd().name} is ready. Put it under git, then build it:\n\n"
        f"    cd {Path.cwd().name}\n"
        "    git init && git add --all && git commit --message 'First commit'\n"
        "    invoke docker.cross-build && invoke docker.verify-arch\n\n"
        "Its README.md says what the registry needs.\n"
    )


if __name__ == "__main__":
    main()
