"""Reader of conversations in the format of LoCoMo (snap-research/locomo).

A file is a list of conversations (or one). Each has `session_N` lists of turns with speaker,
dia_id, text and sometimes an image caption, `session_N_date_time`, and questions with the dialog
ids of their evidence, which `magray bench recall` asks.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from jobs.transfer.item import DEFAULT_KIND, Choice, Fault, Item, Skip, unfit
from jobs.transfer.shape import foreign
from service.core.errors import FileError
from service.core.model.memories import NewMemory
from service.core.names import known_instead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobs.files.source import Source
    from jobs.transfer.item import Entry

_AS_IT_IS = Choice()
_SESSION = re.compile(r"session_(\d+)")
_KEY = re.compile(r"speaker_[ab]|session_\d+(_date_time)?")
_TIME = re.compile(
    r"(\d{1,2}):(\d{2})\s*(am|pm)\s+on\s+(\d{1,2})\s+(\w+),?\s+(\d{4})", re.IGNORECASE
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}


class _Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields of type Any are known, mean nothing here and are left aside."""


class _Turn(_Strict, frozen=True, kw_only=True):
    speaker: str
    dia_id: str
    text: str = ""
    blip_caption: str | None = None
    query: str | None = None
    img_url: Any = None
    img_file: Any = None
    img_id: Any = None
    re_download: Any = field(default=None, name="re-download")


class Question(_Strict, frozen=True, kw_only=True):
    """A question with the dialog ids of the turns that answer it, as the file spells them."""

    question: str
    evidence: list[Any] | str | None = None
    category: int = 0
    answer: Any = None
    adversarial_answer: Any = None


class _Conversation(_Strict, frozen=True, kw_only=True):
    conversation: dict[str, Any]
    sample_id: str | int | None = None
    qa: list[Question] = []
    event_summary: Any = None
    observation: Any = None
    session_summary: Any = None


class Turn(Struct, frozen=True, kw_only=True):
    """Something said: where, by whom, and `said_at`, the session's time plus a second a turn."""

    session: int
    dia_id: str
    speaker: str
    text: str
    date: str | None
    said_at: datetime | None
    caption: str | None
    query: str | None

    @property
    def content(self) -> str:
        """The text; of a turn that is only an image, what it shows.

        Captions beside a text stay in the metadata: on five conversations of LoCoMo R@10 is
        80.2 without and 80.0 with them in the text, any@10 86.7 and 86.4.
        """
        if not self.text.strip() and self.caption:
            return f"[image: {self.caption}]"
        return self.text

    @property
    def metadata(self) -> dict[str, Any]:
        """Speaker, dialog id, date and caption as they go into a memory."""
        fields = {
            "speaker": self.speaker,
            "dia_id": self.dia_id,
            "date": self.date,
            "caption": self.caption,
            "query": self.query,
        }
        return {key: value for key, value in fields.items() if value}


class Conversation(Struct, frozen=True, kw_only=True):
    """A conversation with its turns in order, the questions about it, and what of it is wrong."""

    name: str
    turns: list[Turn]
    questions: list[Question] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_locomo(source: Source, choice: Choice) -> Iterator[Entry]:
    """The turns of all conversations: each conversation a namespace, each session a session.

    With `choice.namespace` all go into that one, their sessions told apart by the conversation.

    Raises:
        FileError: as `load_conversations`.
    """
    for conversation in load_conversations(source, choice):
        yield from conversation_entries(conversation, choice)


def conversation_entries(conversation: Conversation, choice: Choice) -> Iterator[Entry]:
    """The turns of one conversation, as `read_locomo` has them."""
    yield from conversation.faults
    prefix = f"{conversation.name}/" if choice.namespace else ""
    for turn in conversation.turns:
        place = f"{conversation.name} {turn.dia_id}"
        if reason := unfit(turn.content):
            yield Skip(place, reason)
            continue
        memory = NewMemory(
            namespace=choice.namespace or conversation.name,
            content=turn.content,
            kind=choice.kind or DEFAULT_KIND,
            session=f"{prefix}session_{turn.session}",
            metadata=turn.metadata,
            created_at=turn.said_at,
            pinned=choice.forever,
        )
        yield Item(place, memory, raw=json.dumps(turn.metadata | {"text": turn.text}).encode())


def load_conversations(source: Source, choice: Choice = _AS_IT_IS) -> list[Conversation]:
    """All conversations of a file, which is held in memory whole.

    Raises:
        FileError: it is not JSON, has another shape, or names a conversation twice.
    """
    text = source.document()
    if not text.strip():
        raise source.error("is empty")
    document: Any = source.value(text, "the file")
    if error := foreign(source, document, "locomo", "file of LoCoMo"):
        raise error
    found: list[_Conversation] = (
        [
            source.convert(one, _Conversation, f"conversation {number}", texts=False)
            for number, one in enumerate(document, 1)
        ]
        if isinstance(document, list)
        else [source.convert(document, _Conversation, "the file", texts=False)]
    )
    names = [
        f"conversation-{place}" if one.sample_id in {None, ""} else str(one.sample_id)
        for place, one in enumerate(found, 1)
    ]
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise source.error(f"{times} conversations are called {name}")
    conversations = []
    for name, one in zip(names, found, strict=True):
        faults: list[Fault] = []
        turns = list(_turns(source, choice, name, one, faults))
        conversations.append(Conversation(name=name, turns=turns, questions=one.qa, faults=faults))
    return conversations


def parse_time(text: str) -> datetime | None:
    """The instant of "1:56 pm on 8 May, 2023", taken as UTC; None when it is spelled otherwise."""
    match = _TIME.search(text)
    month = _MONTHS.get(match[5][:3].lower()) if match else None
    if match is None or month is None:
        return None
    hour = int(match[1]) % 12 + (12 if match[3].lower() == "pm" else 0)
    try:
        return datetime(int(match[6]), month, int(match[4]), hour, int(match[2]), tzinfo=UTC)
    except ValueError:
        return None


def _turns(
    source: Source, choice: Choice, name: str, found: _Conversation, faults: list[Fault]
) -> Iterator[Turn]:
    talk = found.conversation
    sessions = sorted(int(m[1]) for key in talk if (m := _SESSION.fullmatch(key)))
    if not sessions:
        raise source.error(f"conversation {name} has no session_1")
    for key in talk:
        if not _KEY.fullmatch(key) and key not in choice.ignored:
            known = ("speaker_a", "speaker_b", "session_1", "session_1_date_time")
            raise source.error(
                f"conversation {name} has the unknown field {key}", known_instead(key, known)
            )
    for session in sessions:
        key = f"session_{session}"
        said: list[Any] = source.convert(talk[key], list[Any], f"{name} {key}", texts=False)
        date = talk.get(f"{key}_date_time")
        start = parse_time(date) if isinstance(date, str) else None
        if start is not None and start > datetime.now(UTC):
            start = None  # a story told in the future; memories are of the past
        for number, one in enumerate(said):
            place = f"{name} {key} turn {number + 1}"
            if isinstance(one, dict):
                one = {key: value for key, value in one.items() if key not in choice.ignored}
            try:
                turn: _Turn = source.convert(one, _Turn, place)
            except FileError as error:
                if not choice.skip_faults:
                    raise
                faults.append(Fault(place, error, json.dumps(one).encode()))
                continue
            yield Turn(
                session=session,
                dia_id=turn.dia_id,
                speaker=turn.speaker,
                text=turn.text,
                date=date if isinstance(date, str) else None,
                said_at=start + timedelta(seconds=number) if start else None,
                caption=turn.blip_caption,
                query=turn.query,
            )
