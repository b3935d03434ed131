"""Prove that the check of the Dockerfile works: copies of it with a mistake are refused.

Each mistake would put a program for another machine under a platform.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

HIDDEN = (r"^(ARG\b.*\bTARGETARCH)\b(?!=)", r"\1=amd64")
FIXED = (r'\bGOARCH="?\$\{?TARGETARCH\}?"?', "GOARCH=amd64")
MISTAKES = {
    "a default hides the platform": HIDDEN,
    "the architecture is written by hand": FIXED,
}
REFUSED = 10


def main() -> int:
    """Spoil a copy of the Dockerfile in each way, and have it checked."""
    text = Path("Dockerfile").read_text(encoding="utf-8")
    for mistake, (right, wrong) in MISTAKES.items():
        spoilt = re.sub(right, wrong, text, flags=re.MULTILINE)
        if spoilt == text:
            print(f"guard: {mistake}: the Dockerfile has no such line")
            continue
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "Dockerfile")
            copy.write_text(spoilt, encoding="utf-8")
            command = [sys.executable, "-m", "gopherwhale", "docker.lint", str(copy)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != REFUSED:
            print(f"guard: {mistake}: NOT refused\n{done.stdout}{done.stderr}")
            return 1
        print(f"guard: {mistake}: refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
