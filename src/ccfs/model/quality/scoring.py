"""The arithmetic of scores. Pure, in exact fractions.

A question scores 100 % for Yes or the highest point of its scale, 0 % for No or the lowest, and evenly between. A section's
score is the mean of its questions' by weight, and the form's is that of its sections. What does not apply is left out,
so that its weight goes to the rest in proportion. A critical question that scores 0 makes its section or the form 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from ccfs.model.quality.evaluation import Answer
from ccfs.model.quality.evaluation_form import (
    NO,
    NOT_APPLICABLE,
    YES,
    CriticalEffect,
    FormContent,
    FormQuestion,
    FormSection,
    QuestionKind,
)

HUNDREDTHS: Final = 10_000  # of a percent in 100 %
_ZERO: Final = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The score of a form, between 0 and 1."""

    total: Fraction | None  # None: no question applies
    sections: tuple[Fraction | None, ...]
    failed: tuple[str, ...]  # keys of the critical questions that score 0
    is_failed: bool  # whether one of them made the form 0

    @property
    def hundredths(self) -> int | None:
        """The total in hundredths of a percent, rounded half up."""
        return None if self.total is None else round_to_hundredths(self.total)


def round_to_hundredths(share: Fraction) -> int:
    """Return a share of 0 to 1 in hundredths of a percent, rounded half up."""
    return int(share * HUNDREDTHS + Fraction(1, 2))


def format_score(hundredths: int | None) -> str:
    """Return a score in percent with at most two decimals; a dash for None."""
    if hundredths is None:
        return "–"
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02}".rstrip("0").rstrip(".") + " %" if rest else f"{whole} %"


def score_answer(question: FormQuestion, value: str) -> Fraction | None:
    """Return the score of an answer; None if the question does not apply or has no answer."""
    if value in ("", NOT_APPLICABLE):
        return None
    if question.kind is QuestionKind.YES_NO:
        return {YES: Fraction(1), NO: _ZERO}[value]
    return Fraction(int(value) - 1, question.points - 1)


def score_form(content: FormContent, answers: Mapping[str, Answer]) -> Score:
    """Return the score of the answers, which are by the question's key."""
    scores = {
        key: score_answer(question, answers.get(key, Answer()).value) for key, question in content.iter_questions()
    }
    failed = {key: one.critical for key, one in content.iter_questions() if scores[key] == 0}
    sections = tuple(_score_section(number, section, scores) for number, section in enumerate(content.sections, 1))
    is_failed = CriticalEffect.FORM in failed.values()
    weights = [section.weight for section in content.sections]
    return Score(
        total=_ZERO if is_failed else _weighted_mean(zip(sections, weights, strict=True)),
        sections=sections,
        failed=tuple(key for key, effect in failed.items() if effect is not CriticalEffect.NONE),
        is_failed=is_failed,
    )


def _score_section(number: int, section: FormSection, scores: Mapping[str, Fraction | None]) -> Fraction | None:
    own = [(scores[f"{number}.{index}"], question) for index, question in enumerate(section.questions, 1)]
    if any(score == 0 and question.critical is not CriticalEffect.NONE for score, question in own):
        return _ZERO
    return _weighted_mean((score, question.weight) for score, question in own)


def _weighted_mean(scores: Iterable[tuple[Fraction | None, int]]) -> Fraction | None:
    applicable = [(score, weight) for score, weight in scores if score is not None]
    total = sum(weight for _, weight in applicable)
    return sum((score * weight for score, weight in applicable), _ZERO) / total if total else None
