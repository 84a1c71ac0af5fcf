"""A call made of its legs: waiting time, talk, answered."""

from datetime import UTC, datetime, timedelta

import pytest

from ccfs.model.calls.call import build_call, call_wait_time
from ccfs.model.calls.cdr import Cdr, DeviceType

BEGIN = datetime(2026, 5, 4, 9, tzinfo=UTC)


def make_leg(wait: tuple[int, int] | None = None, talk: tuple[int, int] | None = None, **more: object) -> Cdr:
    """Return a leg with a wait and a talk, each from one second to another."""
    times = dict(zip(("wait_begin", "wait_end"), make_span(wait), strict=True)) | dict(
        zip(("call_begin", "call_end"), make_span(talk), strict=True)
    )
    values = {"account_id": "100", "cc_id": "1", "vdn_id": "8", "call_id": "c", "begin": BEGIN, "source_key": "1"}
    return Cdr(**values | times | more)  # type: ignore[arg-type]


def make_span(seconds: tuple[int, int] | None) -> tuple[datetime | None, datetime | None]:
    """Return the instants of two seconds after BEGIN."""
    return tuple(BEGIN + timedelta(seconds=second) for second in seconds) if seconds else (None, None)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("waits", "seconds"),
    [
        ([], 0),
        ([None], 0),
        ([(0, 20)], 20),
        ([(0, 20), (30, 35)], 25),
        ([(0, 20), (0, 45)], 45),  # the second phone that rings repeats the wait of the queue
        ([(0, 45), (10, 20), None], 45),
        ([(10, 30), (0, 20)], 30),
        ([(20, 10)], 0),
    ],
)
def test_overlapping_waits_of_legs_count_once(waits: list[tuple[int, int] | None], seconds: int) -> None:
    assert call_wait_time([make_leg(wait) for wait in waits]) == timedelta(seconds=seconds)


def test_a_call_that_reaches_agents_is_answered_if_one_talks() -> None:
    menu = make_leg(talk=(0, 60), device_type=DeviceType.FLOW, call_id_num=1)
    no_answer, answered = make_leg(device_type=DeviceType.AGENT), make_leg(talk=(60, 90), device_type=DeviceType.AGENT)
    assert build_call([menu]).is_answered
    assert not build_call([menu, no_answer]).is_answered
    assert build_call([menu, answered]).talk == timedelta(seconds=30)
