"""`python -m tests.fuzz`: every reader, a million changed bytes each; see `readers`."""

from __future__ import annotations

import sys

from tests.fuzz.readers import main

sys.exit(main())
