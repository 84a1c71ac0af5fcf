"""The fields of the form editor: reading them, changing their rows, and building a form's content. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ccfs.model.formats.numbers import parse_number
from ccfs.model.quality.evaluation_form import (
    MAX_NAME_LENGTH,
    MAX_POINTS,
    MAX_QUESTION_LENGTH,
    MAX_QUESTIONS,
    MAX_SECTIONS,
    MAX_WEIGHT,
    MIN_POINTS,
    CriticalEffect,
    FormContent,
    FormQuestion,
    FormSection,
    QuestionKind,
    clean_line,
)

ANSWER_KINDS: Final = (str(QuestionKind.YES_NO), *map(str, range(MIN_POINTS, MAX_POINTS + 1)))  # or points of a scale
Translate = Callable[..., str]


@dataclass(slots=True, kw_only=True)
class QuestionFields:
    """A question as it was typed."""

    text: str = ""
    kind: str = str(QuestionKind.YES_NO)  # of ANSWER_KINDS
    weight: str = "1"
    critical: str = str(CriticalEffect.NONE)
    may_not_apply: bool = True


@dataclass(slots=True, kw_only=True)
class SectionFields:
    """A section as it was typed."""

    title: str = ""
    weight: str = "1"
    questions: list[QuestionFields] = field(default_factory=lambda: [QuestionFields()])


@dataclass(slots=True, kw_only=True)
class FormFields:
    """A form as it was typed."""

    name: str = ""
    sections: list[SectionFields] = field(default_factory=lambda: [SectionFields()])

    @property
    def question_count(self) -> int:
        """The number of questions in all sections."""
        return sum(len(section.questions) for section in self.sections)


def read_fields(values: Mapping[str, str]) -> FormFields:
    """Return the form whose fields were sent: sN.title, sN.weight, qN.M.text and so on."""
    sections: list[SectionFields] = []
    for number in range(1, MAX_SECTIONS + 1):
        if f"s{number}.title" not in values:
            break
        questions = [
            QuestionFields(
                text=values[f"q{number}.{index}.text"],
                kind=values.get(f"q{number}.{index}.kind", ""),
                weight=values.get(f"q{number}.{index}.weight", ""),
                critical=values.get(f"q{number}.{index}.critical", ""),
                may_not_apply=f"q{number}.{index}.na" in values,
            )
            for index in range(1, MAX_QUESTIONS + 1)
            if f"q{number}.{index}.text" in values
        ]
        title, weight = values[f"s{number}.title"], values.get(f"s{number}.weight", "")
        sections.append(SectionFields(title=title, weight=weight, questions=questions))
    return FormFields(name=values.get("name", ""), sections=sections)


def show_content(content: FormContent) -> FormFields:
    """Return the fields of a form's content."""
    sections = [
        SectionFields(
            title=section.title,
            weight=str(section.weight),
            questions=[
                QuestionFields(
                    text=question.text,
                    kind=str(question.kind) if question.kind is QuestionKind.YES_NO else str(question.points),
                    weight=str(question.weight),
                    critical=str(question.critical),
                    may_not_apply=question.may_not_apply,
                )
                for question in section.questions
            ],
        )
        for section in content.sections
    ]
    return FormFields(name=content.name, sections=sections)


def change_rows(fields: FormFields, command: str) -> None:
    """Add, remove or move a section or question: "add-section", "up-section.2", "remove-question.1.3". Ignore others."""
    action, _, place = command.partition(".")
    verb, _, what = action.partition("-")
    numbers = [number - 1 for part in place.split(".") if (number := parse_number(part, 999)) is not None]
    if action == "add-section" and len(fields.sections) < MAX_SECTIONS and fields.question_count < MAX_QUESTIONS:
        fields.sections.append(SectionFields())
    elif what == "section" and len(numbers) == 1:
        _change_list(fields.sections, verb, numbers[0])
    elif what == "question" and numbers and 0 <= numbers[0] < len(fields.sections):
        questions = fields.sections[numbers[0]].questions
        if verb == "add" and fields.question_count < MAX_QUESTIONS:
            questions.append(QuestionFields())
        elif len(numbers) == 2:
            _change_list(questions, verb, numbers[1])


def _change_list(rows: list[SectionFields] | list[QuestionFields], verb: str, index: int) -> None:
    if not 0 <= index < len(rows):
        return
    if verb == "remove":
        del rows[index]
    elif verb == "up" and index > 0:
        rows.insert(index - 1, rows.pop(index))  # type: ignore[arg-type]


def build_content(fields: FormFields, translate: Translate) -> tuple[FormContent | None, dict[str, str]]:
    """Return the content, or None and a sentence for each field that is wrong. Questions without a text are left out."""
    problems: dict[str, str] = {}
    sections = [_build_section(number, one, translate, problems) for number, one in enumerate(fields.sections, 1)]
    kept = tuple(section for section in sections if section.title or section.questions)
    name = _clean(fields.name, MAX_NAME_LENGTH, "name", translate, problems)
    if not name:
        problems.setdefault("name", translate("Enter a name."))
    if sum(len(section.questions) for section in kept) > MAX_QUESTIONS:
        problems.setdefault("", translate("A form can have up to {most} questions.", most=MAX_QUESTIONS))
    if not any(section.questions for section in kept):
        problems.setdefault("", translate("Enter at least one question."))
    return (None, problems) if problems else (FormContent(name=name, sections=kept), problems)


def _build_section(number: int, fields: SectionFields, translate: Translate, problems: dict[str, str]) -> FormSection:
    questions = tuple(
        _build_question(f"q{number}.{index}", one, translate, problems)
        for index, one in enumerate(fields.questions, 1)
        if one.text.strip()
    )
    title = _clean(fields.title, MAX_NAME_LENGTH, f"s{number}.title", translate, problems)
    if questions and not title:
        problems.setdefault(f"s{number}.title", translate("Enter a name."))
    if title and not questions:
        problems.setdefault(f"s{number}.title", translate("Enter at least one question, or remove the section."))
    weight = _parse_weight(fields.weight, f"s{number}.weight", translate, problems)
    return FormSection(title=title, weight=weight, questions=questions)


def _build_question(key: str, fields: QuestionFields, translate: Translate, problems: dict[str, str]) -> FormQuestion:
    text = _clean(fields.text, MAX_QUESTION_LENGTH, f"{key}.text", translate, problems)
    kind = fields.kind if fields.kind in ANSWER_KINDS else ANSWER_KINDS[0]
    is_scale = kind.isdecimal()
    effect = next((one for one in CriticalEffect if one == fields.critical), CriticalEffect.NONE)
    return FormQuestion(
        text=text,
        kind=QuestionKind.SCALE if is_scale else QuestionKind.YES_NO,
        points=int(kind) if is_scale else MIN_POINTS,
        weight=_parse_weight(fields.weight, f"{key}.weight", translate, problems),
        critical=effect,
        may_not_apply=fields.may_not_apply,
    )


def _clean(text: str, length: int, name: str, translate: Translate, problems: dict[str, str]) -> str:
    line = clean_line(text, length)
    if line is None:
        problems[name] = translate("Enter at most {most} characters.", most=length)
    return line or ""


def _parse_weight(text: str, name: str, translate: Translate, problems: dict[str, str]) -> int:
    if weight := parse_number(text.strip(), MAX_WEIGHT):
        return weight
    problems[name] = translate("Enter a weight from 1 to {most}.", most=MAX_WEIGHT)
    return 1
