"""Which check answers for which kind of row. A check raises where our answer is not the expected one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.corpus import archives, binaries, layouts, xx_verify
from tests.corpus.cases import Case

# One module of checks for each area: binaries, images, archives.
CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {
    **binaries.CHECKS,
    **archives.CHECKS,
    **layouts.CHECKS,
    **xx_verify.CHECKS,
}
