"""What comes of the demo's calls: one function per story, each told from the second at which the call comes in.

Where no agent is free, a story ends as it would: the caller gives up. How a step is written down is said in `caller`.
"""

from collections.abc import Callable

from ccfs.demo.agents import SALES, SUPPORT
from ccfs.demo.call_script import RING_TIMEOUT_SECONDS, TRUNK, SimulatedCall, Simulation
from ccfs.demo.durations import Talk
from ccfs.demo.events import Disposition, SimulatedCdr, SimulatedChannel, SimulatedRecording
from ccfs.demo.identities import PhoneIdentity

Scenario = Callable[[Simulation, int], None]

_WRAP_UP_SECONDS = 8  # seconds that an agent needs after a call


def simulate_answered(scene: Simulation, at: int) -> None:
    _connect_to_agent(scene, _start_in_queue(scene, at))


def simulate_second_agent_answers(scene: Simulation, at: int) -> None:
    """One agent does not answer, another does."""
    caller = _start_in_queue(scene, at)
    absent = _ring_unanswered(scene, caller)
    caller.wait(5)
    _connect_to_agent(scene, caller, but=absent)


def simulate_abandoned(scene: Simulation, at: int) -> None:
    """The caller hangs up, sometimes while a phone rings."""
    caller = _start_in_queue(scene, at)
    caller.wait(scene.random.randint(3, 20))
    seconds = scene.random.randint(3, RING_TIMEOUT_SECONDS - 2)
    rings = scene.random.random() < 0.5
    agent = scene.roster.reserve_agent(caller.now, caller.now + seconds, queue=caller.queue.name) if rings else None
    if agent:
        caller.abandon_while_ringing(agent, seconds)
    else:
        caller.abandon()


def simulate_timeout_to_voicemail(scene: Simulation, at: int) -> None:
    """Nobody answers in time: the caller leaves a message."""
    caller = _start_in_queue(scene, at)
    _ring_unanswered(scene, caller)
    caller.wait_until_timeout()
    caller.leave_message(caller.queue.extension, scene.random.randint(12, 40))


def simulate_timeout_hangup(scene: Simulation, at: int) -> None:
    """Not even a phone rings in time, and the switch hangs up."""
    caller = _start_in_queue(scene, at)
    caller.wait_until_timeout()
    caller.end_in_queue()


def simulate_overflow_to_support(scene: Simulation, at: int) -> None:
    """Nobody in sales answers in time: support does."""
    caller = _start_in_queue(scene, at, SALES)
    absent = _ring_unanswered(scene, caller)
    caller.wait_until_timeout()
    caller.enter_queue(SUPPORT)
    caller.wait(2)
    _connect_to_agent(scene, caller, but=absent)


def simulate_blind_transfer(scene: Simulation, at: int) -> None:
    """A blind transfer to a colleague."""
    caller = _start_in_queue(scene, at)
    ring, pick_up, first, second = scene.random.randint(2, 9), 4, scene.talks.draw_talk(), scene.talks.draw_talk()
    sent = caller.now + ring + first.seconds
    agent = scene.roster.reserve_agent(caller.now, sent + _WRAP_UP_SECONDS, queue=caller.queue.name)
    colleague = scene.roster.reserve_agent(sent, sent + pick_up + second.seconds + _WRAP_UP_SECONDS) if agent else None
    if not agent or not colleague:
        return caller.abandon()
    caller.talk_to_agent(agent, ring, first, sent_to=colleague)
    caller.dst, caller.context = colleague, "from-internal"
    rung = scene.journal.add_channel(colleague, caller.now)
    caller.wait(pick_up + second.seconds)
    recording = _build_direct_recording(scene, second, colleague, caller)
    dial = f"PJSIP/{colleague},20,tr"
    caller.add_cdr("Dial", dial, sent, "ANSWERED", rung=rung, answer=sent + pick_up, recording=recording)


def simulate_attended_transfer(scene: Simulation, at: int) -> None:
    """An attended transfer of a call to an agent's own number: the agent asks a colleague first. A call of three lines,
    the question being a call of its own."""
    caller = _start_inbound_call(scene, at)
    ring, talk, asking, second = 5, scene.random.randint(12, 60), scene.random.randint(10, 20), scene.talks.draw_talk()
    handed = at + ring + talk + asking
    agent = scene.roster.reserve_agent(at, handed + _WRAP_UP_SECONDS)
    colleague = (
        scene.roster.reserve_agent(handed - asking, handed + second.seconds + _WRAP_UP_SECONDS) if agent else None
    )
    if not agent or not colleague:
        return caller.leave_message("1001", 20)
    caller.dst, caller.answered_at = agent, at + ring
    rung = scene.journal.add_channel(agent, at)
    caller.wait(handed - at)
    dial = f"PJSIP/{agent},30,tT"
    caller.add_cdr("Dial", dial, at, "ANSWERED", rung=rung)
    asked = _add_internal_call(scene, agent, colleague, handed - asking, 3, handed)
    caller.wait(second.seconds)
    recording = _build_direct_recording(scene, second, colleague, caller)
    caller.add_cdr("Dial", dial, handed, "ANSWERED", rung=asked, recording=recording)


def simulate_direct_voicemail(scene: Simulation, at: int) -> None:
    """A call to an agent's own number that the mailbox takes."""
    caller = _start_inbound_call(scene, at)
    agent = scene.roster.reserve_agent(at, at + 20)
    if agent:
        caller.dst = agent
        rung = scene.journal.add_channel(agent, at)
        caller.wait(20)
        caller.add_cdr("Dial", f"PJSIP/{agent},20,tT", at, "NO ANSWER", rung=rung)
    caller.leave_message(agent or "1001", scene.random.randint(10, 40))


def simulate_menu_only(scene: Simulation, at: int) -> None:
    caller = _start_inbound_call(scene, at)
    caller.dst, caller.context = scene.identities.main_number, "main-menu"
    caller.play_menu(scene.random.randint(5, 30))
    caller.add_cdr("BackGround", "main-menu", at, "ANSWERED")


def simulate_outbound_answered(scene: Simulation, at: int) -> None:
    """An agent calls a customer."""
    _add_outbound_call(scene, at, scene.random.randint(4, 15), "ANSWERED")


def simulate_outbound_unanswered(scene: Simulation, at: int) -> None:
    busy = scene.random.random() < 0.5
    _add_outbound_call(scene, at, 3 if busy else 30, "BUSY" if busy else "NO ANSWER")


def simulate_internal_call(scene: Simulation, at: int) -> None:
    """One agent calls another."""
    talk, ring = scene.random.randint(15, 90), 4
    asking = scene.roster.reserve_agent(at, at + ring + talk)
    asked = scene.roster.reserve_agent(at, at + ring + talk)
    if not asking or not asked:
        return simulate_menu_only(scene, at)
    _add_internal_call(scene, asking, asked, at, ring, at + ring + talk)


# One of each first, so that a short day has every kind.
SCENARIOS: tuple[Scenario, ...] = (
    *(
        simulate_answered,
        simulate_second_agent_answers,
        simulate_outbound_answered,
        simulate_abandoned,
        simulate_blind_transfer,
        simulate_timeout_to_voicemail,
        simulate_overflow_to_support,
        simulate_timeout_hangup,
    ),
    *(
        simulate_menu_only,
        simulate_internal_call,
        simulate_attended_transfer,
        simulate_direct_voicemail,
        simulate_outbound_unanswered,
    ),
    *(
        simulate_answered,
        simulate_outbound_answered,
        simulate_second_agent_answers,
        simulate_abandoned,
        simulate_answered,
        simulate_blind_transfer,
        simulate_answered,
        simulate_outbound_answered,
    )
    * 2,
    *(
        simulate_answered,
        simulate_answered,
        simulate_second_agent_answers,
        simulate_answered,
        simulate_outbound_answered,
    )
    * 2,
    simulate_abandoned,
)


def _start_in_queue(scene: Simulation, at: int, name: str = "") -> SimulatedCall:
    """Somebody who has come into a queue, to sales by way of the menu."""
    name = name or scene.random.choice((SUPPORT, SUPPORT, SALES))
    caller = _start_inbound_call(scene, at)
    if name == SALES:
        caller.play_menu(scene.random.randint(5, 12))
    caller.enter_queue(name)
    caller.wait(scene.random.randint(1, 9))
    return caller


def _start_inbound_call(scene: Simulation, at: int) -> SimulatedCall:
    channel = scene.journal.add_channel(TRUNK, at)
    person = scene.identities.pick_customer(scene.random)
    return SimulatedCall(simulation=scene, person=person, channel=channel, now=at, dst="1001", context="from-trunk")


def _connect_to_agent(scene: Simulation, caller: SimulatedCall, *, but: str = "") -> None:
    ring, talk = scene.random.randint(2, 9), scene.talks.draw_talk()
    agent = scene.roster.reserve_agent(
        caller.now, caller.now + ring + talk.seconds + _WRAP_UP_SECONDS, queue=caller.queue.name, but=(but,)
    )
    if agent:
        caller.talk_to_agent(agent, ring, talk)
    else:
        caller.wait(20)
        caller.abandon()


def _ring_unanswered(scene: Simulation, caller: SimulatedCall) -> str:
    """Rings an agent of the queue in vain; returns whom."""
    agent = scene.roster.reserve_agent(caller.now, caller.now + RING_TIMEOUT_SECONDS, queue=caller.queue.name)
    if agent:
        caller.ring_unanswered(agent)
    return agent or ""


def _build_direct_recording(
    scene: Simulation, talk: Talk, agent: str, caller: SimulatedCall
) -> SimulatedRecording | None:
    """Another of this call's talks may be recorded too, so that the line must say which file is whose."""
    return scene.talks.build_recording(talk, f"exten-{agent}-{caller.person.number}", named=True)


def _add_internal_call(
    scene: Simulation, agent: str, colleague: str, start: int, ring: int, end: int
) -> SimulatedChannel:
    """An internal call; returns the colleague's channel."""
    dialled = scene.identities.get_agent(colleague)
    return _add_agent_call(scene, agent, dialled, colleague, start=start, answer=start + ring, end=end)


def _add_outbound_call(scene: Simulation, at: int, ring: int, disposition: Disposition) -> None:
    """An agent dials a customer, who answers after `ring` seconds, or does not in that time."""
    customer, talk = scene.identities.pick_customer(scene.random), scene.talks.draw_talk()
    answer = at + ring if disposition == "ANSWERED" else None
    end = at + ring + (talk.seconds if answer else 0)
    agent = scene.roster.reserve_agent(at, end + _WRAP_UP_SECONDS)
    if not agent:
        return simulate_menu_only(scene, at)
    recording = scene.talks.build_recording(talk, f"out-{customer.number}-{agent}") if answer else None
    _add_agent_call(
        scene, agent, customer, TRUNK, start=at, answer=answer, end=end, disposition=disposition, recording=recording
    )


def _add_agent_call(
    scene: Simulation,
    agent: str,
    callee: PhoneIdentity,
    endpoint: str,
    *,
    start: int,
    answer: int | None,
    end: int,
    disposition: Disposition = "ANSWERED",
    recording: SimulatedRecording | None = None,
) -> SimulatedChannel:
    """An agent's call to an endpoint; returns the channel called."""
    channel, rung = scene.journal.add_channel(agent, start), scene.journal.add_channel(endpoint, start)
    outside = endpoint == TRUNK
    scene.journal.cdrs.append(
        SimulatedCdr(
            channel=channel,
            dst_channel=rung,
            src=agent,
            name=scene.identities.get_agent(agent).name,
            dst=callee.number,
            context="from-internal",
            app="Dial",
            data=f"PJSIP/{callee.number}@{TRUNK},60,T" if outside else f"PJSIP/{callee.number},20,tr",
            start=start,
            answer=answer,
            end=end,
            disposition=disposition,
            recording=recording,
        )
    )
    return rung
