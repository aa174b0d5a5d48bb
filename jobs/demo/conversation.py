"""Two people talk over three evenings; two lines are Russian. Written for this project.

Turns are `user_interaction` (layer interact), what was learned from them is `learned_context`
(insights), what always holds `core_concept` (assets).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.core.model.memories import NewMemory

NAMESPACE = "demo"

_EVENINGS: list[tuple[str, list[tuple[str, str]]]] = [
    (
        "2026-03-06",
        [
            ("Nora", "I signed the lease for the workshop by the canal. We get keys on Monday."),
            ("Ilya", "Congratulations! Is that the old printing house with the green doors?"),
            ("Nora", "That one. The roof leaks a little, but the morning light is wonderful."),
            ("Ilya", "What will you build first, another cello?"),
            ("Nora", "A viola da gamba, for a customer in Ghent. She wants spruce from the Jura."),
            ("Ilya", "I can drive you there in April, I have a week off after the audit."),
            ("Nora", "Then I owe you dinner. Remember that I am allergic to walnuts, please."),
        ],
    ),
    (
        "2026-04-18",
        [
            ("Ilya", "The van broke down near Dole. The alternator, they say."),
            ("Nora", "And the spruce? I hope the planks are dry."),
            ("Ilya", "Twelve planks, all dry, in two tarpaulins. I sleep at the mechanic's house."),
            ("Nora", "You are a hero. Was it expensive?"),
            ("Ilya", "The repair cost four hundred and ten euros, and cider for his mother."),
            ("Nora", "I pay half of it. By the way, Pixel ate my tuning fork."),
            ("Ilya", "Your dog eats everything! Is he all right?"),
            ("Nora", "He is. The vet in Ghent found it with an X-ray and charged me ninety euros."),
        ],
    ),
    (
        "2026-05-30",
        [
            ("Nora", "The gamba is strung. It sounds darker than I thought, almost like smoke."),
            ("Ilya", "When is the concert?"),
            ("Nora", "On the twelfth of June, in the chapel of Saint Bavo. Bring your sister."),
            ("Ilya", "Моя сестра выучила всю программу, она репетирует каждый вечер."),
            ("Nora", "Скажи ей, что после концерта мы поедем к морю на старом поезде."),
        ],
    ),
]

_LEARNED = [
    ("learned_context", "Nora builds string instruments in the old printing house by the canal."),
    ("learned_context", "Ilya is reliable about driving and likes to travel to the Jura."),
    ("core_concept", "Nora must never be served walnuts: she is allergic to them."),
]


def demo_memories() -> list[NewMemory]:
    """The conversation in order, then what was learned from it; the same every time."""
    return [
        NewMemory(
            namespace=NAMESPACE,
            content=text,
            kind="user_interaction",
            session=f"evening {evening}",
            metadata={"speaker": speaker, "date": date},
            created_at=_at(date) + timedelta(minutes=turn),
        )
        for evening, (date, turns) in enumerate(_EVENINGS, 1)
        for turn, (speaker, text) in enumerate(turns)
    ] + [
        NewMemory(
            namespace=NAMESPACE,
            content=text,
            kind=kind,
            importance=0.9,
            created_at=_at(_EVENINGS[-1][0]) + timedelta(hours=1),
        )
        for kind, text in _LEARNED
    ]


# A question and what it shows.
QUESTIONS = [
    ("What did we pay for repairing the van?", "other forms of its words, and what they mean"),
    ("Which food must I avoid when I cook for Nora?", "a lasting fact, from another layer"),
    ("Кто репетировал вечерами?", "Russian, by other forms of its words"),
]


def _at(date: str) -> datetime:
    return datetime.fromisoformat(f"{date}T19:00:00").replace(tzinfo=UTC)
