"""What decoded JSON holds that is no container, each with the place where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Leaf(NamedTuple):
    """A text, a number, a truth value or null; `place` is as msgspec says it, `$.a[0].b`.

    Of the key of an object, `place` is the object's.
    """

    place: str
    value: Any
    is_key: bool = False


def leaves(tree: Any) -> Iterator[Leaf]:
    """Every leaf, in the order of the document; however deep, for it is no recursion."""
    waiting = [("$", tree)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            yield from (Leaf(place, name, is_key=True) for name in value)
            waiting += reversed([(f"{place}.{name}", inner) for name, inner in value.items()])
        elif isinstance(value, list):
            waiting += reversed([(f"{place}[{n}]", inner) for n, inner in enumerate(value)])
        else:
            yield Leaf(place, value)
