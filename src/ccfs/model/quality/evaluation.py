"""Evaluations: a scorer's answers to the questions of a form about an agent's part in a call, and the agent's response."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, auto
from typing import Final

MAX_COMMENT_LENGTH: Final = 500  # characters, on a question
MAX_OVERALL_COMMENT_LENGTH: Final = 4000
MAX_RESPONSE_LENGTH: Final = 2000
MAX_REVISIONS: Final = 50


class EvaluationState(StrEnum):
    """The state of an evaluation."""

    DRAFT = auto()
    SUBMITTED = auto()
    ACKNOWLEDGED = auto()  # by the agent
    DISPUTED = auto()  # by the agent


RESPONSES: Final = (EvaluationState.ACKNOWLEDGED, EvaluationState.DISPUTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer to a question, with a comment."""

    value: str = ""  # one of Question.answers; "": not answered yet
    comment: str = ""
    moment_ms: int | None = None  # of the call, that the comment is about


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationDraft:
    """The fields that a scorer enters."""

    answers: Mapping[str, Answer] = field(default_factory=dict)  # by the question's key
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """An evaluation as it was submitted, with the agent's response to it."""

    revision: int  # from 1; 0: a draft
    state: EvaluationState
    author: str
    draft: EvaluationDraft
    score: int | None  # hundredths of a percent; None: no question applied, or a draft
    is_failed: bool  # by a critical question
    evaluated_at: datetime  # when it was submitted; of a draft, when it was begun
    response: str
    responded_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedCall:
    """The call and the agent that an evaluation is about."""

    account_id: str
    call_id: str
    call_begin: datetime
    agent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """An evaluation in its current revision."""

    id: int
    call: EvaluatedCall
    form: int
    version: int  # of the form
    form_name: str
    scorer: str  # the user's name
    calibration: int  # its id; 0: none
    current: Revision

    @property
    def is_draft(self) -> bool:
        """Whether it has not been submitted."""
        return self.current.state is EvaluationState.DRAFT


def encode_answers(answers: Mapping[str, Answer]) -> str:
    """Return answers as JSON."""
    listed = {key: [answer.value, answer.comment, answer.moment_ms] for key, answer in answers.items()}
    return json.dumps(listed, ensure_ascii=False)


def decode_answers(text: str) -> dict[str, Answer]:
    """Return the answers of a JSON text that `encode_answers` returned."""
    return {
        key: Answer(value=value, comment=comment, moment_ms=moment_ms)
        for key, (value, comment, moment_ms) in json.loads(text).items()
    }


def clean_comment(text: str, max_length: int) -> str | None:
    """Return a comment of several lines without control characters; None if it is longer than `max_length`."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    clean = "\n".join("".join(letter if letter.isprintable() else " " for letter in line).rstrip() for line in lines)
    return clean.strip() if len(clean.strip()) <= max_length else None
