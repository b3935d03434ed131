"""Prove that the check of the Dockerfile works: copies of it with a mistake are refused.

Each mistake hides the platform that is built for, so that a program for another machine would get there.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

DOCKERFILE = Path("<< cookiecutter._shape.dockerfile >>")
MISTAKES = {
    "a default hides the platform": (r"^(ARG\b.*\bTARGETARCH)\b(?!=)", r"\1=amd64"),
    "the architecture is written by hand": (
        r'\bGOARCH="?\$\{?TARGETARCH\}?"?',
        "GOARCH=amd64",
    ),
    "the last stage gets a default": (r"\Z", "\nARG TARGETARCH=amd64\n"),
}
# Of what make or a script compiles, only the result can be looked at.
IN_SIGHT = re.compile(r"\bgo (build|install)\b")
REFUSED = 10


def main() -> int:
    """Spoil a copy of the Dockerfile in each way, and have it checked."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    before = mistakes(text)
    for name, (right, wrong) in MISTAKES.items():
        spoilt = re.sub(right, wrong, text, flags=re.MULTILINE)
        if spoilt == text:
            print(f"guard: {name}: {DOCKERFILE} has no such line")
            continue
        found = mistakes(spoilt) - before
        if not found and "GOARCH" in wrong and not IN_SIGHT.search(text):
            print(f"guard: {name}: out of sight, left to docker.verify-arch")
            continue
        if not found:
            print(f"guard: {name}: NOT refused")
            return 1
        print(f"guard: {name}: refused, {', '.join(sorted(found))}")
    return 0


def mistakes(text: str) -> Counter[str]:
    """The errors in a Dockerfile, by their codes."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "Dockerfile")
        copy.write_text(text, encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "gopherwhale",
            "docker.lint",
            str(copy),
            "--format",
            "json",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, REFUSED):
        sys.exit(f"guard: {DOCKERFILE} cannot be checked: {done.stderr.strip()}")
    findings = [
        one
        for report in json.loads(done.stdout)["reports"]
        for one in report["findings"]
    ]
    return Counter(one["code"] for one in findings if one["severity"] == "error")


if __name__ == "__main__":
    sys.exit(main())
