"""Packages of others that are dear to import and seldom used."""

from __future__ import annotations

import functools
import importlib
import sys
from types import ModuleType
from typing import Final

_NAME: Final = "rfc3987_syntax"


def put_off() -> None:
    """Have jsonschema import the grammars of internationalised addresses when it meets such an address.

    Compiling them takes seconds, in every worker, and two kinds of documents of all that is validated here
    hold one.
    """
    stand_in = ModuleType(_NAME)
    vars(stand_in)["is_valid_syntax"] = _is_valid
    sys.modules.setdefault(_NAME, stand_in)


def _is_valid(term: str, value: str) -> bool:
    return bool(_real().is_valid_syntax(term, value))


@functools.cache
def _real() -> ModuleType:
    del sys.modules[_NAME]
    return importlib.import_module(_NAME)
