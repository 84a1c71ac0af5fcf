"""The simulated day of calls: reproducible, parsed without an error, and realistic."""

import csv
import hashlib
import itertools
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccfs.demo.simulator.agents import AGENTS
from ccfs.demo.simulator.day import DayFiles, write_day
from ccfs.demo.simulator.identities import IDENTITIES_BY_LANGUAGE
from ccfs.demo.speech import Language
from ccfs.model.calls.agent_operation import AgentOperationType
from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason
from ccfs.model.recordings.wav import A_LAW, check_upload, read_format
from ccfs.switches.asterisk import recordings
from ccfs.switches.records import Leg
from tests.demo.parsed_day import ParsedDay, iter_queue_lines, parse_day

CreateDay = Callable[..., DayFiles]
DayCase = tuple[ParsedDay, DayFiles, str, Language]

CASES: tuple[tuple[date, str, Language], ...] = (
    (date(2024, 1, 15), "Europe/London", "en"),
    (date(2024, 3, 31), "Europe/London", "en"),  # the clocks go forward
    (date(2024, 10, 27), "Europe/London", "en"),  # the clocks go back
    (date(2024, 1, 15), "Asia/Shanghai", "zh"),
)


@pytest.fixture
def create_day(tmp_path: Path) -> CreateDay:
    """Return a function that writes a day into a new folder, by default an English one."""
    folders = itertools.count()

    def create(**changes: object) -> DayFiles:
        defaults = {"day": date(2024, 1, 15), "zone": "Europe/London", "language": "en", "calls": 40, "seed": 7}
        return write_day(tmp_path / str(next(folders)), **{**defaults, **changes})  # type: ignore[arg-type]

    return create


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]} {case[1]}")
def day_case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DayCase:
    day, zone, language = request.param
    files = write_day(tmp_path_factory.mktemp("day"), day=day, zone=zone, language=language, calls=40, seed=7)
    return parse_day(files, zone), files, zone, language


def compute_digest(day: DayFiles) -> str:
    """Return a digest of all names and bytes of a day."""
    whole = hashlib.sha256()
    for file in (day.cdr, day.queue_log, *list_wavs(day)):
        whole.update(file.relative_to(day.cdr.parent).as_posix().encode() + file.read_bytes())
    return whole.hexdigest()


def list_wavs(day: DayFiles) -> list[Path]:
    return sorted(day.recordings.rglob("*.wav"))


def measure_seconds(file: Path) -> float:
    return check_upload(file.read_bytes()).duration or 0.0


def find_legs(file: Path, parsed: ParsedDay) -> list[Leg]:
    """Return the legs that name a recording, else those with an agent's talk whose ids its name contains."""
    named = [leg for leg in parsed.legs if file.name in leg.recordings]
    ids = recordings.find_call_ids(file.name)
    return named or [leg for leg in parsed.legs if leg.switch_leg_id in ids and leg.agent and leg.answer]


def test_the_same_arguments_write_the_same_day(create_day: CreateDay) -> None:
    day = compute_digest(create_day())
    assert day == compute_digest(create_day())
    assert day == "f1e4760a748f65353c8756d15911c79637fae385922a13a9d15006e61a4ff358"


@pytest.mark.parametrize(
    "changes", [{"seed": 8}, {"day": date(2024, 1, 16)}, {"zone": "UTC", "day": date(2024, 7, 1)}, {"language": "zh"}]
)
def test_other_arguments_write_another_day(create_day: CreateDay, changes: dict[str, object]) -> None:
    assert compute_digest(create_day()) != compute_digest(create_day(**changes))


def test_a_day_without_calls_has_agents(create_day: CreateDay) -> None:
    day = create_day(calls=0)
    assert (day.cdr.read_bytes(), list_wavs(day)) == (b"", [])
    assert Counter(event.op_type for event in parse_day(day, "UTC").events) == dict.fromkeys((0, 1, 2, 3), len(AGENTS))


def test_an_unknown_zone_of_a_day_is_rejected(create_day: CreateDay) -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        create_day(zone="Europe/Nowhere")


def test_every_line_of_a_day_has_all_columns_and_is_parsed(day_case: DayCase) -> None:
    parsed, day, _, _ = day_case
    with day.cdr.open(encoding="utf-8", newline="") as file:
        assert {len(row) for row in csv.reader(file, strict=True)} == {21}
    assert len(parsed.rows) == len(parsed.legs) == day.cdr.read_bytes().count(b"\n")
    assert len({leg.source_key for leg in parsed.legs}) == len(parsed.legs)


def test_the_zone_of_a_day_is_detected_by_the_uniqueids(day_case: DayCase) -> None:
    parsed, _, zone, _ = day_case
    assert (parsed.zone_guess.zone, parsed.zone_guess.basis, parsed.zone_guess.report) == (zone, "epoch", "")


def test_local_times_and_epochs_of_a_day_agree_despite_clock_changes(day_case: DayCase) -> None:
    parsed, _, zone, _ = day_case
    for row, leg in zip(parsed.rows, parsed.legs, strict=True):
        channel_created = int(row.uniqueid.partition(".")[0])
        assert 0 <= leg.begin.timestamp() - channel_created <= 600
        local = leg.begin.astimezone(ZoneInfo(zone))
        assert f"{local:%Y-%m-%d %H:%M:%S}" == row.start
        assert "08:30" <= f"{local:%H:%M}" <= "18:10"
        assert (leg.end - leg.begin).total_seconds() == int(row.duration)
        assert int(row.billsec) <= int(row.duration)


@pytest.mark.parametrize(("day", "hours"), [(date(2024, 3, 30), 0), (date(2024, 3, 31), 1), (date(2024, 10, 27), 0)])
def test_a_day_of_a_clock_change_follows_the_new_time(create_day: CreateDay, day: date, hours: int) -> None:
    first = parse_day(create_day(day=day), "Europe/London").rows[0]
    channel_created = int(first.uniqueid.partition(".")[0])
    assert datetime.fromisoformat(f"{first.start}+00:00").timestamp() - channel_created == hours * 3600


def test_a_day_has_calls_of_every_type_in_the_requested_number(day_case: DayCase) -> None:
    legs = day_case[0].legs
    calls = {leg.switch_call_id: leg.call_type for leg in sorted(legs, key=lambda leg: leg.order, reverse=True)}
    assert len(calls) == 41  # the consultation of an attended transfer is a call of its own
    assert Counter(calls.values()) == {CallType.INBOUND: 31, CallType.OUTBOUND: 8, CallType.INTERNAL: 2}
    assert {leg.device_type for leg in legs} == {DeviceType.QUEUE, DeviceType.AGENT, DeviceType.FLOW}


def test_the_calls_of_a_day_end_in_every_way(day_case: DayCase) -> None:
    reasons = {leg.leave_reason for leg in day_case[0].legs}
    assert reasons >= {
        LeaveReason.NORMAL,
        LeaveReason.QUEUE_TIMEOUT,
        LeaveReason.QUEUE_CANCELLED,
        LeaveReason.AGENT_NO_ANSWER,
        LeaveReason.USER_HUNG_UP,
        LeaveReason.AGENT_HUNG_UP,
        LeaveReason.TRANSFERRED_OUT,
    }
    assert reasons & {LeaveReason.CALLED_BUSY, LeaveReason.USER_NO_ANSWER}


def test_the_channels_of_a_day_are_numbered_in_the_order_of_time(day_case: DayCase) -> None:
    channels = sorted({tuple(map(int, row.uniqueid.split("."))) for row in day_case[0].rows})
    assert channels == sorted(channels, key=lambda channel: channel[1])


def test_the_queue_log_is_in_the_order_of_time_and_has_only_calls_of_the_cdrs(day_case: DayCase) -> None:
    parsed, day, _, _ = day_case
    lines = list(iter_queue_lines(day.queue_log))
    assert [line.occurred_at for line in lines] == sorted(line.occurred_at for line in lines)
    assert {line.leg_id for line in lines if line.leg_id} <= {leg.switch_leg_id for leg in parsed.legs}
    assert {line.queue for line in lines if line.queue} == {"600", "sales"}


def test_every_call_that_enters_a_queue_leaves_it(day_case: DayCase) -> None:
    visits = day_case[0].visits.values()
    assert {visit.outcome for visit in visits} >= {"ABANDON", "EXITWITHTIMEOUT", "BLINDTRANSFER", "COMPLETECALLER"}
    assert all(visit.entered_at and visit.left_at and visit.entered_at < visit.left_at for visit in visits)


def test_agents_sign_in_pause_talk_and_sign_out(day_case: DayCase) -> None:
    events = day_case[0].events
    for agent in AGENTS:
        own = sorted((event for event in events if event.agent == agent.number), key=lambda event: event.occurred_at)
        states = [
            AgentOperationType(event.op_type)
            for event in own
            if event.op_cause in ("-1", "1") and not event.switch_leg_id
        ]
        assert states == [
            AgentOperationType.SIGN_IN,
            AgentOperationType.BUSY,
            AgentOperationType.IDLE,
            AgentOperationType.SIGN_OUT,
        ]
        assert (own[0].op_type, own[-1].op_type) == (AgentOperationType.SIGN_IN, AgentOperationType.SIGN_OUT)
    connected = [visit for visit in day_case[0].visits.values() if visit.connected_at]
    assert sum(event.op_type == AgentOperationType.TALKING for event in events) == len(connected) >= 20


def test_an_agent_has_one_call_at_a_time_and_none_at_lunch_or_after_work(day_case: DayCase) -> None:
    parsed = day_case[0]
    for agent in AGENTS:
        talks = [parsed.get_talk_span(leg) for leg in parsed.legs if leg.agent == agent.number]
        spans = sorted(talk for talk in talks if talk)
        shift_events = [event for event in parsed.events if event.agent == agent.number and not event.switch_leg_id]
        arrival, lunch, lunch_end, departure = sorted(event.occurred_at.timestamp() for event in shift_events)
        ordered = sorted([*spans, (0.0, arrival), (lunch, lunch_end), (departure, 2e10)])
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(ordered))


def test_recordings_of_a_day_are_a_law_in_the_folder_of_the_day(day_case: DayCase) -> None:
    _, day, _, _ = day_case
    for file in list_wavs(day):
        data = file.read_bytes()
        parsed = read_format(data, len(data))
        assert (parsed.tag, parsed.rate, parsed.channels) == (A_LAW, 8000, 1)
        match = re.fullmatch(
            r"(?:q-60[01]|exten-100\d|out)-\d+(?:-100\d)?-(\d{4})(\d\d)(\d\d)-\d{6}-\d+\.\d+\.wav", file.name
        )
        assert match is not None
        assert file.parent.relative_to(day.recordings).parts == match.groups()


def test_every_recording_of_a_day_matches_a_leg_and_lasts_as_long_as_its_talk(day_case: DayCase) -> None:
    parsed, day, _, _ = day_case
    for file in list_wavs(day):
        (leg,) = find_legs(file, parsed)
        talk = parsed.get_talk_span(leg)
        assert talk is not None
        assert talk[1] - talk[0] == pytest.approx(measure_seconds(file), abs=1)


def test_cdrs_name_half_of_the_recordings_and_only_existing_ones(day_case: DayCase) -> None:
    parsed, day, _, _ = day_case
    named = [name for leg in parsed.legs for name in leg.recordings]
    files = [file.name for file in list_wavs(day)]
    assert len(set(named)) == len(named)
    assert set(named) <= set(files)
    assert 18 <= len(files) <= 30
    assert abs(2 * len(named) - len(files)) <= 4
    assert all(row.userfield.startswith("audio:") for row in parsed.rows if row.userfield)


def test_all_numbers_of_a_day_are_invented(day_case: DayCase) -> None:
    parsed, _, _, language = day_case
    invented = r"02079460\d{3}|07700900\d{3}" if language == "en" else r"0101234\d{4}"
    inside = r"100[1-6]|60[01]|vm(100[1-6]|600|601)"
    for leg in parsed.legs:
        assert re.fullmatch(f"{invented}|{inside}", leg.caller_no)
        assert re.fullmatch(f"{invented}|{inside}", leg.callee_no)


def test_names_with_quotes_and_non_ascii_letters_are_parsed_back(day_case: DayCase) -> None:
    parsed, _, _, language = day_case
    names, identities = {leg.caller_name for leg in parsed.legs}, IDENTITIES_BY_LANGUAGE[language]
    assert names <= {*identities.customer_names, *identities.agent_names}
    assert any('"' in name for name in names)
    assert any(not name.isascii() for name in names)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    calls=st.integers(0, 80),
    day=st.dates(date(2001, 9, 10), date(2037, 12, 30)),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Europe/London"]),
)
def test_any_day_is_parsed_completely_and_is_small(seed: int, calls: int, day: date, zone: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = write_day(Path(folder), day=day, zone=zone, language="zh", calls=calls, seed=seed)
        parsed = parse_day(files, zone)
        assert calls <= len({leg.switch_call_id for leg in parsed.legs}) <= calls + calls // 40 + 1
        assert sum(file.stat().st_size for file in list_wavs(files)) <= 6_000_000
        assert all(len(find_legs(file, parsed)) == 1 for file in list_wavs(files))
        assert all(datetime.fromtimestamp(leg.begin.timestamp(), ZoneInfo(zone)).date() == day for leg in parsed.legs)
