"""The fields of the scoring panel: reading and checking a scorer's answers. Pure."""

from collections.abc import Callable, Mapping

from ccfs.model.quality.evaluation import (
    MAX_COMMENT_LENGTH,
    MAX_OVERALL_COMMENT_LENGTH,
    Answer,
    EvaluationDraft,
    clean_comment,
)
from ccfs.model.quality.evaluation_form import FormContent
from ccfs.model.recordings.annotation import format_offset, parse_offset


def show_draft(draft: EvaluationDraft) -> dict[str, str]:
    """Return the fields of a draft: a.KEY, c.KEY and t.KEY of each question, and `comment`."""
    fields = {"comment": draft.comment}
    for key, answer in draft.answers.items():
        moment = "" if answer.moment_ms is None else format_offset(answer.moment_ms)
        fields |= {f"a.{key}": answer.value, f"c.{key}": answer.comment, f"t.{key}": moment}
    return fields


def read_draft(
    content: FormContent, fields: Mapping[str, str], translate: Callable[..., str], *, is_final: bool
) -> tuple[EvaluationDraft, dict[str, str]]:
    """Return the draft that was sent, without what is wrong, and a sentence for each wrong field.

    With `is_final`, a question without an answer is wrong.
    """
    answers, problems = dict[str, Answer](), dict[str, str]()
    for key, question in content.iter_questions():
        value = fields.get(f"a.{key}", "")
        value = value if value in question.answers else ""
        comment = clean_comment(fields.get(f"c.{key}", ""), MAX_COMMENT_LENGTH)
        moment_text = fields.get(f"t.{key}", "").strip()
        moment_ms = parse_offset(moment_text) if moment_text else None
        if is_final and not value:
            problems[f"a.{key}"] = translate("Choose an answer.")
        if comment is None:
            problems[f"c.{key}"] = translate("Enter at most {most} characters.", most=MAX_COMMENT_LENGTH)
        if moment_text and moment_ms is None:
            problems[f"t.{key}"] = translate("Enter a position such as 1:30.")
        if value or comment or moment_ms is not None:
            answers[key] = Answer(value=value, comment=comment or "", moment_ms=moment_ms)
    overall = clean_comment(fields.get("comment", ""), MAX_OVERALL_COMMENT_LENGTH)
    if overall is None:
        problems["comment"] = translate("Enter at most {most} characters.", most=MAX_OVERALL_COMMENT_LENGTH)
    return EvaluationDraft(answers=answers, comment=overall or ""), problems
