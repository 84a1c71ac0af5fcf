"""Slots of callbacks: lanes of one receiver share them, and no receiver and no app takes them all."""

from ccfs.model.exports.delivery import Lane
from ccfs.workers.callbacks.limiter import MAX_LANES, MAX_PER_LANE, ConcurrencyLimiter

SLOTS = 256
HOST = "https://cb.example.com:443"


def make_fast(limiter: ConcurrencyLimiter, *lanes: Lane) -> None:
    for lane in lanes:
        limiter.mark_started(lane)
        limiter.mark_finished(lane, 0.01, is_answered=True)


def use_slots(limiter: ConcurrencyLimiter, *lanes: Lane) -> dict[Lane, int]:
    """Start as many posts as the lanes may have; return their number by lane."""
    granted = limiter.get_available_slots(lanes)
    for lane, count in granted.items():
        for _ in range(count):
            limiter.mark_started(lane)
    return granted


def test_a_lane_of_its_own_receiver_has_many_slots_once_it_is_fast() -> None:
    limiter, lane = ConcurrencyLimiter(SLOTS), Lane(HOST, 1)
    assert limiter.get_available_slots([lane]) == {lane: 1}
    make_fast(limiter, lane)
    assert use_slots(limiter, lane) == {lane: MAX_PER_LANE}
    assert use_slots(limiter, lane) == {}


def test_apps_whose_posts_hang_leave_slots_of_their_receiver_to_every_other_app() -> None:
    limiter = ConcurrencyLimiter(SLOTS)
    lanes = [Lane(HOST, app) for app in range(1, 41)]
    make_fast(limiter, *lanes)
    granted = [use_slots(limiter, lane)[lane] for lane in lanes]  # none of them ever ends
    assert granted[:3] == [32, 16, 8]
    assert min(granted) == 1
    assert sum(granted) <= SLOTS // 2


def test_a_receiver_that_hangs_for_all_apps_leaves_half_of_all_slots_to_others() -> None:
    limiter = ConcurrencyLimiter(SLOTS)
    lanes = [Lane(HOST, app) for app in range(1, 1001)]
    make_fast(limiter, *lanes)
    assert sum(use_slots(limiter, *lanes).values()) == SLOTS // 2
    assert use_slots(limiter, *lanes) == {}
    other = Lane("https://other.example.com:443", 1)
    make_fast(limiter, other)
    assert use_slots(limiter, other) == {other: MAX_PER_LANE}


def test_a_silent_lane_does_not_slow_down_another_app_on_the_same_receiver() -> None:
    limiter = ConcurrencyLimiter(SLOTS)
    silent, fast = Lane(HOST, 1), Lane(HOST, 2)
    make_fast(limiter, silent, fast)
    limiter.mark_started(silent)
    limiter.mark_finished(silent, 30.0, is_answered=False)
    assert limiter.get_available_slots([silent, fast]) == {silent: 1, fast: 31}


def test_slots_are_free_again_once_posts_have_finished() -> None:
    limiter, lane = ConcurrencyLimiter(8), Lane(HOST, 1)
    make_fast(limiter, lane)
    assert use_slots(limiter, lane) == {lane: 4}
    for _ in range(4):
        limiter.mark_finished(lane, 0.01, is_answered=True)
    assert limiter.get_available_slots([lane]) == {lane: 4}


def test_lanes_keep_their_receiver_and_app_in_a_row() -> None:
    for lane in (Lane(HOST, 7), Lane("http://[::1]:80", 12)):
        assert Lane.parse(lane.format()) == lane


def test_the_newest_lanes_are_remembered() -> None:
    limiter = ConcurrencyLimiter(SLOTS)
    lanes = [Lane(HOST, app) for app in range(MAX_LANES + 1)]
    make_fast(limiter, *lanes)
    assert limiter.get_available_slots(lanes[:1]) == {lanes[0]: 1}  # as of a new one
    make_fast(limiter, lanes[1], lanes[0])
    assert limiter.get_available_slots(lanes[1:2]) == {lanes[1]: MAX_PER_LANE}
    assert limiter.get_available_slots(lanes[2:3]) == {lanes[2]: 1}
