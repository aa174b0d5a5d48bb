"""What `magray import` and `magray export` tell of what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console

from jobs.transfer.item import EXPIRED
from service.core.readable import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobs.transfer.outcome import Outcome


def summarise(outcome: Outcome) -> dict[str, Any]:
    """An outcome as `--json` has it: read = stored + known + the counts of skipped."""
    return {
        "read": outcome.read,
        "stored": outcome.stored,
        "known": outcome.known,
        "skipped": [
            {"reason": one.reason, "count": one.count, "first": one.first, "detail": one.detail}
            for one in outcome.skipped.values()
        ],
        "faults": outcome.faults,
        "expired": outcome.skipped[EXPIRED].count if EXPIRED in outcome.skipped else 0,
        "known_elsewhere": outcome.elsewhere.count,
        "first_elsewhere": f"{outcome.elsewhere.first}: {outcome.elsewhere.reason}"
        if outcome.elsewhere.count
        else None,
        "archived": outcome.archived,
        "namespaces": len(outcome.namespaces),
        "examples": sorted(outcome.namespaces)[:5],
        "layers": outcome.layers,
        "new": outcome.new,
        "lives": [
            {
                "layer": layer,
                "ending": one.ending,
                "first_end": one.first,
                "last_end": one.last,
                "forever": one.forever,
            }
            for layer, one in outcome.lives.items()
        ],
        "dropped_vectors": outcome.dropped_vectors,
    }


def print_import(summary: dict[str, Any]) -> None:
    """An import for people, a sentence a line."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for line in _import_lines(summary):
        console.print(line)


def _import_lines(summary: dict[str, Any]) -> Iterator[str]:
    skipped = sum(one["count"] for one in summary["skipped"])
    yield (
        f"{summary['file']}: {summary['read']:,} read, {summary['stored']:,} stored, "
        f"{summary['known']:,} known already, {skipped:,} skipped"
    )
    if not summary["read"]:
        yield "the file holds no memory"
    for one in summary["skipped"]:
        detail = f" ({one['detail']})" if one["detail"] else ""
        yield f"  skipped {one['count']:,}: {one['reason']}, first at {one['first']}{detail}"
    if summary["known_elsewhere"]:
        yield (
            f"  {summary['known_elsewhere']:,} of the known ones live under another id, "
            f"first at {summary['first_elsewhere']}"
        )
    if summary["archived"]:
        yield f"  {summary['archived']:,} of the known ones lie in the archive: magray archive list"
    if summary["namespaces"]:
        names = ", ".join(summary["examples"])
        more = ", …" if summary["namespaces"] > len(summary["examples"]) else ""
        layers = ", ".join(f"{n:,} in {layer}" for layer, n in summary["layers"].items())
        yield (
            f"{counted(summary['namespaces'], 'namespace')} ({names}{more})"
            + (f"; {layers}" if layers else "")
        )
    yield from _lives(summary)
    for model, count in summary["dropped_vectors"].items():
        yield (
            f"{counted(count, 'vector')} of {model} left out: "
            f"the model in use is {summary['model'] or 'none'}"
        )
    if summary["dry_run"]:
        yield "nothing was stored: this was a dry run"
        return
    yield (
        f"{summary['vectors']:,} vectors made; {summary['seconds']:.1f} s, "
        f"storing at {summary['stored_per_second'] or 0:,.0f} memories/s"
    )
    if summary["vectors_missing"]:
        yield f"some have no vector: {summary['vectors_missing']}"


def _lives(summary: dict[str, Any]) -> Iterator[str]:
    """Until when the new memories live, and how to keep them longer."""
    ending = False
    for one in summary["lives"]:
        if one["ending"]:
            first, last = one["first_end"], one["last_end"]
            days = (
                f"{first:%Y-%m-%d}"
                if first.date() == last.date()
                else (f"{first:%Y-%m-%d} to {last:%Y-%m-%d}")
            )
            yield f"  {one['ending']:,} in {one['layer']} live until {days}"
            ending = True
        if one["forever"]:
            yield f"  {one['forever']:,} in {one['layer']} are permanent"
    if ending and summary["new"]:
        yield (
            "  what is used often is promoted and stays longer; to keep all of it: --keep forever, "
            "or a kind of layer assets, --kind system_knowledge"
        )


def export_lines(summary: dict[str, Any]) -> str:
    """An export for people."""
    told = (
        f"{counted(summary['written'], 'memory', 'memories')} of "
        f"{counted(summary['namespaces'], 'namespace')} written to "
        f"{summary['file']} in {summary['seconds']:.1f} s"
    )
    if summary["archived"]:
        told += (
            f"\n{summary['archived']:,} archived are not in it: magray archive restore brings them "
            "back, or copy the archive's files"
        )
    return told
