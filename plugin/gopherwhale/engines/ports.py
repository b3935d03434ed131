"""What an engine is given to reach what it does not know itself: the application implements it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from gopherwhale.oci.source import ImageSource
from gopherwhale.references import Reference

# Opens an image in a registry; nothing is asked of anybody before it is read.
OpenRegistry = Callable[[Reference], AbstractContextManager[ImageSource]]
