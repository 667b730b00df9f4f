"""Stories as text files: what can happen to a circle, in steps with several wordings each.

    story NAME            begins a story
      business            it needs organisations that can be sold
      sibling             it needs A and C to be sister or brother
      silent ROLE WHAT    a relation ("org:top_members") or description ("director of") that the story overturns
      step                one of the wordings that follow is used ("step?": or none)
      fact ROLE           a fact about ROLE that the text has not told yet ("fact?": perhaps)
      any order ... end   these steps come in any order

The wordings are templates (see ``language``); the letters of the roles are explained in ``world.Circle.cast``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent / "stories"
FILES = {"nw": "news", "bn": "news", "mz": "magazine", "wb": "weblog", "bc": "conversation", "tc": "telephone"}


@dataclass
class Wordings:
    """A step: one of its wordings is used."""

    optional: bool
    options: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FactAbout:
    role: str
    optional: bool


@dataclass
class AnyOrder:
    steps: list[Step] = field(default_factory=list)


Step = Wordings | FactAbout | AnyOrder


@dataclass
class Story:
    name: str
    steps: list[Step] = field(default_factory=list)
    silent: list[tuple[str, str]] = field(default_factory=list)
    business: bool = False
    sibling: bool = False


def read_stories(genre: str) -> list[Story]:
    """The stories of a genre; a line that comes before the first story or step is a ValueError."""
    path = FOLDER / f"{FILES[genre]}.txt"
    stories: list[Story] = []
    shuffled: AnyOrder | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match line.split():
            case [] | ["#", *_]:
                continue
            case ["story", name]:
                stories.append(Story(name))
                continue
        if not stories:
            raise ValueError(f"{path.name}, line {number}: no story has begun")
        story = stories[-1]
        steps = story.steps if shuffled is None else shuffled.steps
        match line.split():
            case ["business"]:
                story.business = True
            case ["sibling"]:
                story.sibling = True
            case ["silent", role, *what]:
                story.silent.append((role, " ".join(what)))
            case ["step" | "step?" as keyword]:
                steps.append(Wordings(keyword.endswith("?")))
            case ["fact" | "fact?" as keyword, role]:
                steps.append(FactAbout(role, keyword.endswith("?")))
            case ["any", "order"]:
                shuffled = AnyOrder()
                story.steps.append(shuffled)
            case ["end"]:
                shuffled = None
            case _ if steps and isinstance(steps[-1], Wordings):
                steps[-1].options.append(line.strip())
            case _:
                raise ValueError(f"{path.name}, line {number}: {line.strip()!r} belongs to no step")
    return stories
