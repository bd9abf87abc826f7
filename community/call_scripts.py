"""What to say and ask on the telephone, by what has happened: scripts as data, and the answers that were ticked.

An answer is kept as a note of the case, in a form of its own, so that it stands in the timeline and can be erased as
other words can. A required step is named until it is answered; nothing waits for it: a life goes before a form.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shouwang.alert import Sentence
from shouwang.bilingual import Bilingual
from shouwang.document import Id, parse

_HEAD = "script"
_ENTRY = re.compile(r"script (?P<script>[a-z0-9-]+)\n(?P<answers>[a-z0-9-]+=[a-z0-9-]+(?:\n[a-z0-9-]+=[a-z0-9-]+)*)")
_BY_WORKFLOW = {"emergency": "life", "technical": "technical", "care": "care", "request": "request"}

Words = Annotated[str, Field(min_length=1, max_length=200)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    zh: Words = Field(description="in Chinese")
    en: Words = Field(description="in English")

    @property
    def sentence(self) -> Sentence:
        """In both languages."""
        return Sentence(zh=self.zh, en=self.en)


class Choice(_Said):
    """An answer to tick."""

    id: Id = Field(description="its short name, kept with the case")


class ScriptStep(_Said):
    """One thing to say, ask or do, in the words of the caller."""

    id: Id = Field(description="its short name, kept with the case")
    answers: tuple[Choice, ...] = Field(min_length=1, max_length=5, description="what may be ticked")
    required: bool = Field(default=False, description="is named before the case ends, until it is answered")

    @model_validator(mode="after")
    def _is_unambiguous(self) -> Self:
        names = [one.id for one in self.answers]
        if len(set(names)) != len(names):
            raise ValueError(
                Bilingual(f"the step {self.id} has two answers of one id", zh=f"步骤 {self.id} 有两个编号相同的回答")
            )
        return self

    def answer(self, value: str) -> Sentence:
        """The answer in words; one that a later script no longer has keeps its id."""
        return next((one.sentence for one in self.answers if one.id == value), Sentence(zh=value, en=value))


class CallScript(BaseModel):
    """The script of one kind of alarm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    script: Id = Field(description="its name, that of the file")
    title: _Said = Field(description="what it is for")
    hazards: tuple[Id, ...] = Field(default=(), description="the hazards that it is for; none: only by its name")
    steps: tuple[ScriptStep, ...] = Field(min_length=1, max_length=12, description="in the order in which one calls")

    @model_validator(mode="after")
    def _is_unambiguous(self) -> Self:
        names = [one.id for one in self.steps]
        if len(set(names)) != len(names):
            raise ValueError(
                Bilingual(
                    f"the script {self.script} has two steps of one id", zh=f"话术 {self.script} 有两个编号相同的步骤"
                )
            )
        return self

    def step(self, name: str) -> ScriptStep | None:
        """The step of this id."""
        return next((one for one in self.steps if one.id == name), None)

    def allows(self, answers: Mapping[str, str]) -> bool:
        """Whether these are answers to steps of it."""
        steps = {one.id: {choice.id for choice in one.answers} for one in self.steps}
        return all(value in steps.get(name, ()) for name, value in answers.items())

    def missing(self, answers: Mapping[str, str]) -> tuple[ScriptStep, ...]:
        """The required steps that nobody has answered yet."""
        return tuple(one for one in self.steps if one.required and one.id not in answers)


def script_of(hazard: str, workflow: str) -> CallScript:
    """The script for a case: by what has happened, else by its kind."""
    return _scripts()[_by_hazard().get(hazard, _BY_WORKFLOW[workflow])]


def every_script() -> tuple[CallScript, ...]:
    """All of them: those of a hazard first, then those of a kind of case."""
    return tuple(sorted(_scripts().values(), key=lambda one: (not one.hazards, one.script)))


def entry(script: CallScript, answers: Mapping[str, str]) -> str:
    """Answers as the note that keeps them."""
    return "\n".join([f"{_HEAD} {script.script}", *(f"{step}={value}" for step, value in answers.items())])


def answers_in(notes: Iterable[str]) -> dict[str, str]:
    """What was ticked last of each step; `notes` of one case, oldest first."""
    found: dict[str, str] = {}
    for words in notes:
        found |= _parsed(words)[1]
    return found


def in_words(words: str) -> Sentence:
    """A note as a sentence: the answers of a script in words, what somebody wrote as it is."""
    name, answers = _parsed(words)
    script = _scripts().get(name)
    if script is None:
        return Sentence(zh=words, en=words)
    said = [(script.step(step), step, value) for step, value in answers.items()]
    pairs = [
        (Sentence(zh=key, en=key), Sentence(zh=value, en=value))
        if step is None
        else (step.sentence, step.answer(value))
        for step, key, value in said
    ]
    return Sentence(
        zh="；".join(f"{ask.zh} → {answer.zh}" for ask, answer in pairs),
        en="; ".join(f"{ask.en} → {answer.en}" for ask, answer in pairs),
    )


def _parsed(words: str) -> tuple[str, dict[str, str]]:
    match = _ENTRY.fullmatch(words)
    if match is None:
        return "", {}
    pairs = (line.partition("=") for line in match["answers"].splitlines())
    return match["script"], {step: value for step, _, value in pairs}


@cache
def _scripts() -> Mapping[str, CallScript]:
    """All that come with the server. Raises ConfigError."""
    found = [file for file in (files("community") / "scripts").iterdir() if file.name.endswith(".yaml")]
    scripts = (parse(file.read_text(encoding="utf-8"), CallScript, name=f"scripts/{file.name}") for file in found)
    return {script.script: script for script in scripts}


@cache
def _by_hazard() -> Mapping[str, str]:
    return {hazard: script.script for script in _scripts().values() for hazard in script.hazards}
