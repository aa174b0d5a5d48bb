"""Names that are not known: which known one is nearest, and how that is said."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# How alike two names must be for one to be taken for the other: 1 is equal.
_ALIKE = 0.6


def nearest(name: str, known: Iterable[str], *, alike: float = _ALIKE) -> str | None:
    """The known name that was most likely meant; None when none is like it."""
    spelled = {_plain(one): one for one in known}
    found = get_close_matches(_plain(name), spelled, n=1, cutoff=alike)
    return spelled[found[0]] if found else None


def known_instead(name: str, known: Iterable[str], *, meant: str | None = None) -> str:
    """What to write instead of an unknown name: the nearest one, if any is near, and all there are.

    Args:
        name: as it was given.
        known: the names that are possible in its place.
        meant: the nearest one; None: the nearest of `known`.
    """
    names = sorted(known)
    meant = meant or nearest(name, names)
    here = f"known here: {', '.join(names)}" if names else "nothing is known here"
    return f"did you mean {meant}? {here}" if meant else here


def _plain(name: str) -> str:
    """Without what is a matter of style: `dryRun`, `dry-run` and `dry_run` are the same."""
    return name.casefold().replace("_", "").replace("-", "")
