"""What somebody may have meant. A leaf."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """The known word that is most like another one.

    Args:
        word: As it was typed.
        known: What there is.
        likeness: From 0 to 1, as `difflib.SequenceMatcher.ratio`: what is less alike does not count.

    Returns:
        The word; empty where none is alike.
    """
    import difflib  # noqa: PLC0415 -- it costs 5 ms to import, and only mistakes need it

    found = difflib.get_close_matches(word, list(known), n=1, cutoff=likeness)
    return found[0] if found else ""


def advice(word: str, known: Iterable[str], *, likeness: float = 0.5) -> str:
    """What to say to somebody who named what there is not: what was likely meant, or all that is known."""
    names = sorted(known)
    close = closest(word, names, likeness=likeness)
    return f"did you mean {close!r}?" if close else f"known: {', '.join(names)}"
