"""Scores of evaluation forms against a plain recomputation; agreement of scorers; which periods rules draw."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.quality.agreement import compute_kappa, compute_mean_kappa, measure_agreement
from ccfs.model.quality.evaluation import Answer
from ccfs.model.quality.evaluation_form import (
    NOT_APPLICABLE,
    CriticalEffect,
    FormContent,
    FormQuestion,
    FormSection,
    QuestionKind,
    decode_content,
    encode_content,
)
from ccfs.model.quality.sampling import SamplingPeriod, SamplingRule, get_first_draw, list_due_periods, order_calls
from ccfs.model.quality.scoring import format_score, round_to_hundredths, score_form

LONDON = ZoneInfo("Europe/London")


@st.composite
def answered_forms(draw: st.DrawFn) -> tuple[FormContent, dict[str, Answer]]:
    questions = st.builds(
        FormQuestion,
        text=st.just("?"),
        kind=st.sampled_from(QuestionKind),
        points=st.integers(2, 10),
        weight=st.integers(1, 100),
        critical=st.sampled_from(CriticalEffect),
        may_not_apply=st.booleans(),
    )
    some = st.lists(questions, min_size=1, max_size=4).map(tuple)
    section = st.builds(FormSection, title=st.just("s"), weight=st.integers(1, 100), questions=some)
    content = FormContent(name="form", sections=tuple(draw(st.lists(section, min_size=1, max_size=4))))
    answers = {key: Answer(value=draw(st.sampled_from(one.answers))) for key, one in content.iter_questions()}
    return content, answers


def recompute(content: FormContent, answers: dict[str, Answer]) -> Decimal | None:
    """Return the percentage by re-scaling the weights of what applies to 100 points, section by section, as on paper."""
    with localcontext(prec=60):
        points, sections = Decimal(0), []
        for number, section in enumerate(content.sections, 1):
            rows = [(answers[f"{number}.{place}"].value, one) for place, one in enumerate(section.questions, 1)]
            applying = [(value, one) for value, one in rows if value != NOT_APPLICABLE]
            if applying:
                sections.append((section, applying))
        if not sections:
            return None
        for section, applying in sections:
            share = Decimal(100) * section.weight / sum(one.weight for one, _ in sections)
            earned = Decimal(0)
            for value, question in applying:
                worth = share * question.weight / sum(one.weight for _, one in applying)
                lowest = "no" if question.kind is QuestionKind.YES_NO else "1"
                if value == lowest and question.critical is CriticalEffect.FORM:
                    return Decimal(0)
                if value == lowest and question.critical is CriticalEffect.SECTION:
                    worth, earned, share = Decimal(0), Decimal(-1000), Decimal(0)
                if value == "yes":
                    earned += worth
                elif value.isdecimal():
                    earned += worth * (int(value) - 1) / (question.points - 1)
            points += max(earned, Decimal(0))
        return points


@given(answered_forms())
def test_a_score_is_what_the_weights_of_the_applying_questions_give(
    form: tuple[FormContent, dict[str, Answer]],
) -> None:
    content, answers = form
    score, expected = score_form(content, answers), recompute(content, answers)
    assert (score.hundredths is None) == (expected is None)
    if expected is not None and score.total is not None:
        assert abs(Decimal(score.total.numerator) * 100 / Decimal(score.total.denominator) - expected) < Decimal(
            "1e-20"
        )
        assert 0 <= score.total <= 1
        assert score.hundredths == round_to_hundredths(score.total)
        assert abs(Decimal(score.hundredths or 0) / 100 - expected) <= Decimal("0.005")
    assert decode_content(encode_content(content)) == content


def test_a_critical_question_fails_its_section_or_the_form() -> None:
    def score(effect: CriticalEffect) -> tuple[Fraction | None, bool, tuple[str, ...]]:
        critical = FormQuestion(text="?", critical=effect)
        sections = (
            FormSection(title="a", weight=1, questions=(critical, FormQuestion(text="?"))),
            FormSection(title="b", weight=3, questions=(FormQuestion(text="?"),)),
        )
        answers = {"1.1": Answer(value="no"), "1.2": Answer(value="yes"), "2.1": Answer(value="yes")}
        result = score_form(FormContent(name="f", sections=sections), answers)
        return result.total, result.is_failed, result.failed

    assert score(CriticalEffect.NONE) == (Fraction(7, 8), False, ())
    assert score(CriticalEffect.SECTION) == (Fraction(3, 4), False, ("1.1",))
    assert score(CriticalEffect.FORM) == (Fraction(0), True, ("1.1",))


@pytest.mark.parametrize(
    ("hundredths", "text"), [(None, "–"), (0, "0 %"), (8333, "83.33 %"), (8750, "87.5 %"), (10_000, "100 %")]
)
def test_a_score_is_shown_in_percent(hundredths: int | None, text: str) -> None:
    assert format_score(hundredths) == text


def test_cohen_s_kappa_is_that_of_the_textbook() -> None:
    first = ["yes"] * 25 + ["no"] * 25  # 20 both yes, 15 both no, 5 and 10 apart
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert compute_kappa(first, second) == Fraction(2, 5)
    assert compute_kappa(["yes", "no"], ["yes", "no"]) == 1
    assert compute_kappa(["yes"], ["yes"]) is compute_kappa([], []) is compute_mean_kappa([["yes"]]) is None
    assert compute_mean_kappa([first, second, second]) == Fraction(3, 5)
    assert (measure_agreement(["a", "a", "b"]), measure_agreement(["a"])) == (Fraction(1, 3), None)


def make_rule(period: SamplingPeriod, drawn_until: datetime) -> SamplingRule:
    return SamplingRule(
        id=1,
        account_id="a",
        form=1,
        form_name="f",
        calls=1,
        period=period,
        min_talk_seconds=0,
        direction="",
        queues=(),
        seed="s",
        author="a",
        drawn_until=drawn_until,
    )


def test_a_rule_draws_whole_weeks_and_days_of_the_account_s_clock() -> None:
    now = datetime(2026, 3, 30, 12, tzinfo=UTC)  # Monday after the clocks went forward
    rule = make_rule(SamplingPeriod.WEEK, get_first_draw(SamplingPeriod.WEEK, LONDON, now))
    [week] = list_due_periods(rule, LONDON, now)
    assert (week.begin, week.end) == (datetime(2026, 3, 23, tzinfo=UTC), datetime(2026, 3, 29, 23, tzinfo=UTC))
    assert week.end - week.begin == timedelta(hours=167)
    assert list_due_periods(make_rule(SamplingPeriod.WEEK, week.end), LONDON, now) == []
    days = list_due_periods(make_rule(SamplingPeriod.DAY, now - timedelta(days=40)), LONDON, now)
    assert [(day.end - day.begin).total_seconds() / 3600 for day in days] == [24, 24, 24, 24, 23]
    assert [one.begin for one in days[1:]] == [one.end for one in days[:-1]]


@given(st.sets(st.text(max_size=5)), st.text(max_size=5))
def test_the_order_of_a_draw_depends_on_the_calls_alone(calls: set[str], late: str) -> None:
    order = list(order_calls("seed", "512", calls))
    assert set(order) == calls
    assert list(order_calls("seed", "512", reversed(order))) == order
    assert [call for call in order_calls("seed", "512", calls | {late}) if call != late] == [
        call for call in order if call != late
    ]
