"""Evaluation forms: sections with weights, and questions. A version of a form is never changed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Final

MAX_SECTIONS: Final = 12
MAX_QUESTIONS: Final = 40  # of the whole form
MAX_WEIGHT: Final = 100
MIN_POINTS: Final = 2  # of a scale
MAX_POINTS: Final = 10
MAX_NAME_LENGTH: Final = 80  # characters, of a form or a section
MAX_QUESTION_LENGTH: Final = 300
MAX_FORMS: Final = 100  # of an account
YES: Final = "yes"
NO: Final = "no"
NOT_APPLICABLE: Final = "na"


class QuestionKind(StrEnum):
    """How a question is answered."""

    YES_NO = auto()
    SCALE = auto()  # 1 to `points`


class CriticalEffect(StrEnum):
    """The part of the score that becomes 0 if a question is answered with No or the lowest point."""

    NONE = auto()  # only the question itself
    SECTION = auto()
    FORM = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class FormQuestion:
    """A question of a form."""

    text: str
    kind: QuestionKind = QuestionKind.YES_NO
    points: int = 5  # of a scale
    weight: int = 1  # relative to the other questions of the section
    critical: CriticalEffect = CriticalEffect.NONE
    may_not_apply: bool = True  # whether "not applicable" is an answer

    @property
    def answers(self) -> tuple[str, ...]:
        """The values that answer it."""
        own = (YES, NO) if self.kind is QuestionKind.YES_NO else tuple(map(str, range(1, self.points + 1)))
        return (*own, NOT_APPLICABLE) if self.may_not_apply else own


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSection:
    """A group of questions."""

    title: str
    weight: int = 1  # relative to the other sections
    questions: tuple[FormQuestion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FormContent:
    """The name, sections and questions of a version of a form."""

    name: str
    sections: tuple[FormSection, ...] = ()

    def iter_questions(self) -> Iterator[tuple[str, FormQuestion]]:
        """Yield each question with its key, "SECTION.QUESTION" from 1.1, by which answers name it."""
        for section_number, section in enumerate(self.sections, 1):
            for number, question in enumerate(section.questions, 1):
                yield f"{section_number}.{number}", question


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationForm:
    """A form of an account, in one of its versions."""

    id: int
    account_id: str
    version: int
    newest_version: int
    is_retired: bool  # no new evaluation can use it
    content: FormContent
    author: str  # of the version
    created_at: datetime  # of the version

    @property
    def name(self) -> str:
        """The name of the version."""
        return self.content.name


def encode_content(content: FormContent) -> str:
    """Return the content as JSON."""
    sections = [
        {
            "title": section.title,
            "weight": section.weight,
            "questions": [
                {
                    "text": question.text,
                    "kind": question.kind,
                    "points": question.points,
                    "weight": question.weight,
                    "critical": question.critical,
                    "may_not_apply": question.may_not_apply,
                }
                for question in section.questions
            ],
        }
        for section in content.sections
    ]
    return json.dumps({"name": content.name, "sections": sections}, ensure_ascii=False)


def decode_content(text: str) -> FormContent:
    """Return the content of a JSON text that `encode_content` returned."""
    data = json.loads(text)
    return FormContent(
        name=data["name"],
        sections=tuple(
            FormSection(
                title=section["title"],
                weight=section["weight"],
                questions=tuple(
                    FormQuestion(
                        **one | {"kind": QuestionKind(one["kind"]), "critical": CriticalEffect(one["critical"])}
                    )
                    for one in section["questions"]
                ),
            )
            for section in data["sections"]
        ),
    )


def clean_line(text: str, max_length: int) -> str | None:
    """Return the text on a single line; None if it is longer."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= max_length else None
