"""Scenarios of calls: one function each, which simulates a call that arrives at a given epoch second.

If no agent is free, the caller abandons the call.
"""

from collections.abc import Callable

from ccfs.demo.simulator.agents import SALES, SUPPORT
from ccfs.demo.simulator.call_script import RING_TIMEOUT_SECONDS, TRUNK, SimulatedCall, Simulation
from ccfs.demo.simulator.durations import SimulatedTalk
from ccfs.demo.simulator.events import Disposition, SimulatedCdr, SimulatedChannel, SimulatedRecording
from ccfs.demo.simulator.identities import PhoneIdentity

Scenario = Callable[[Simulation, int], None]

_WRAP_UP_SECONDS = 8


def simulate_answered(sim: Simulation, at: int) -> None:
    _connect_to_agent(sim, _start_in_queue(sim, at))


def simulate_second_agent_answers(sim: Simulation, at: int) -> None:
    """One agent does not answer, another does."""
    caller = _start_in_queue(sim, at)
    busy_agent = _ring_unanswered(sim, caller)
    caller.wait(5)
    _connect_to_agent(sim, caller, excluded=busy_agent)


def simulate_abandoned(sim: Simulation, at: int) -> None:
    """The caller hangs up, sometimes while a phone rings."""
    caller = _start_in_queue(sim, at)
    caller.wait(sim.random.randint(3, 20))
    seconds = sim.random.randint(3, RING_TIMEOUT_SECONDS - 2)
    rings = sim.random.random() < 0.5
    agent = sim.roster.reserve_agent(caller.now, caller.now + seconds, queue=caller.queue.name) if rings else None
    if agent:
        caller.abandon_while_ringing(agent, seconds)
    else:
        caller.abandon()


def simulate_timeout_to_voicemail(sim: Simulation, at: int) -> None:
    """No agent answers in time, and the caller leaves a message."""
    caller = _start_in_queue(sim, at)
    _ring_unanswered(sim, caller)
    caller.wait_until_timeout()
    caller.leave_message(caller.queue.extension, sim.random.randint(12, 40))


def simulate_timeout_hangup(sim: Simulation, at: int) -> None:
    """No phone rings before the timeout, and the switch hangs up."""
    caller = _start_in_queue(sim, at)
    caller.wait_until_timeout()
    caller.end_in_queue()


def simulate_overflow_to_support(sim: Simulation, at: int) -> None:
    """No agent of sales answers in time, and the call overflows to support."""
    caller = _start_in_queue(sim, at, SALES)
    busy_agent = _ring_unanswered(sim, caller)
    caller.wait_until_timeout()
    caller.enter_queue(SUPPORT)
    caller.wait(2)
    _connect_to_agent(sim, caller, excluded=busy_agent)


def simulate_blind_transfer(sim: Simulation, at: int) -> None:
    """An agent transfers the call blindly to a colleague."""
    caller = _start_in_queue(sim, at)
    ring, ring2, first, second = sim.random.randint(2, 9), 4, sim.talks.draw_talk(), sim.talks.draw_talk()
    handover = caller.now + ring + first.seconds
    agent = sim.roster.reserve_agent(caller.now, handover + _WRAP_UP_SECONDS, queue=caller.queue.name)
    colleague = (
        sim.roster.reserve_agent(handover, handover + ring2 + second.seconds + _WRAP_UP_SECONDS) if agent else None
    )
    if not agent or not colleague:
        return caller.abandon()
    caller.talk_to_agent(agent, ring, first, transfer_to=colleague)
    caller.dst, caller.context = colleague, "from-internal"
    dialled_channel = sim.journal.add_channel(colleague, caller.now)
    caller.wait(ring2 + second.seconds)
    recording = _build_direct_recording(sim, second, colleague, caller)
    dial = f"PJSIP/{colleague},20,tr"
    caller.add_cdr(
        "Dial", dial, handover, "ANSWERED", callee_channel=dialled_channel, answer=handover + ring2, recording=recording
    )


def simulate_attended_transfer(sim: Simulation, at: int) -> None:
    """A call to an agent's own number with an attended transfer: three CDRs. The consultation is a call of its own."""
    caller = _start_inbound_call(sim, at)
    ring, talk, consult, second = 5, sim.random.randint(12, 60), sim.random.randint(10, 20), sim.talks.draw_talk()
    handover = at + ring + talk + consult
    agent = sim.roster.reserve_agent(at, handover + _WRAP_UP_SECONDS)
    colleague = (
        sim.roster.reserve_agent(handover - consult, handover + second.seconds + _WRAP_UP_SECONDS) if agent else None
    )
    if not agent or not colleague:
        return caller.leave_message("1001", 20)
    caller.dst, caller.answered_at = agent, at + ring
    dialled_channel = sim.journal.add_channel(agent, at)
    caller.wait(handover - at)
    dial = f"PJSIP/{agent},30,tT"
    caller.add_cdr("Dial", dial, at, "ANSWERED", callee_channel=dialled_channel)
    colleague_channel = _add_internal_call(sim, agent, colleague, handover - consult, 3, handover)
    caller.wait(second.seconds)
    recording = _build_direct_recording(sim, second, colleague, caller)
    caller.add_cdr("Dial", dial, handover, "ANSWERED", callee_channel=colleague_channel, recording=recording)


def simulate_direct_voicemail(sim: Simulation, at: int) -> None:
    """A call to an agent's own number that the mailbox answers."""
    caller = _start_inbound_call(sim, at)
    agent = sim.roster.reserve_agent(at, at + 20)
    if agent:
        caller.dst = agent
        dialled_channel = sim.journal.add_channel(agent, at)
        caller.wait(20)
        caller.add_cdr("Dial", f"PJSIP/{agent},20,tT", at, "NO ANSWER", callee_channel=dialled_channel)
    caller.leave_message(agent or "1001", sim.random.randint(10, 40))


def simulate_menu_only(sim: Simulation, at: int) -> None:
    caller = _start_inbound_call(sim, at)
    caller.dst, caller.context = sim.identities.main_number, "main-menu"
    caller.play_menu(sim.random.randint(5, 30))
    caller.add_cdr("BackGround", "main-menu", at, "ANSWERED")


def simulate_outbound_answered(sim: Simulation, at: int) -> None:
    """An agent calls a customer."""
    _add_outbound_call(sim, at, sim.random.randint(4, 15), "ANSWERED")


def simulate_outbound_unanswered(sim: Simulation, at: int) -> None:
    busy = sim.random.random() < 0.5
    _add_outbound_call(sim, at, 3 if busy else 30, "BUSY" if busy else "NO ANSWER")


def simulate_internal_call(sim: Simulation, at: int) -> None:
    """One agent calls another."""
    talk, ring = sim.random.randint(15, 90), 4
    agent = sim.roster.reserve_agent(at, at + ring + talk)
    colleague = sim.roster.reserve_agent(at, at + ring + talk)
    if not agent or not colleague:
        return simulate_menu_only(sim, at)
    _add_internal_call(sim, agent, colleague, at, ring, at + ring + talk)


# One of each first, so that a short day has all kinds.
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


def _start_in_queue(sim: Simulation, at: int, name: str = "") -> SimulatedCall:
    """Start a call that has entered a queue; calls to sales pass a menu."""
    name = name or sim.random.choice((SUPPORT, SUPPORT, SALES))
    caller = _start_inbound_call(sim, at)
    if name == SALES:
        caller.play_menu(sim.random.randint(5, 12))
    caller.enter_queue(name)
    caller.wait(sim.random.randint(1, 9))
    return caller


def _start_inbound_call(sim: Simulation, at: int) -> SimulatedCall:
    channel = sim.journal.add_channel(TRUNK, at)
    customer = sim.identities.pick_customer(sim.random)
    return SimulatedCall(simulation=sim, customer=customer, channel=channel, now=at, dst="1001", context="from-trunk")


def _connect_to_agent(sim: Simulation, caller: SimulatedCall, *, excluded: str = "") -> None:
    ring, talk = sim.random.randint(2, 9), sim.talks.draw_talk()
    agent = sim.roster.reserve_agent(
        caller.now, caller.now + ring + talk.seconds + _WRAP_UP_SECONDS, queue=caller.queue.name, excluded=(excluded,)
    )
    if agent:
        caller.talk_to_agent(agent, ring, talk)
    else:
        caller.wait(20)
        caller.abandon()


def _ring_unanswered(sim: Simulation, caller: SimulatedCall) -> str:
    """Let the phone of an agent ring unanswered. Return the agent, "" if none is free."""
    agent = sim.roster.reserve_agent(caller.now, caller.now + RING_TIMEOUT_SECONDS, queue=caller.queue.name)
    if agent:
        caller.ring_unanswered(agent)
    return agent or ""


def _build_direct_recording(
    sim: Simulation, talk: SimulatedTalk, agent: str, caller: SimulatedCall
) -> SimulatedRecording | None:
    """Return a recording that its CDR names: other talks of this call may be recorded, too."""
    return sim.talks.build_recording(talk, f"exten-{agent}-{caller.customer.number}", named=True)


def _add_internal_call(
    sim: Simulation, agent: str, colleague: str, start: int, ring: int, end: int
) -> SimulatedChannel:
    """Add an internal call. Return the colleague's channel."""
    dialled = sim.identities.get_agent(colleague)
    return _add_agent_call(sim, agent, dialled, colleague, start=start, answer=start + ring, end=end)


def _add_outbound_call(sim: Simulation, at: int, ring: int, disposition: Disposition) -> None:
    """An agent calls a customer, who answers after `ring` seconds or does not answer in that time."""
    customer, talk = sim.identities.pick_customer(sim.random), sim.talks.draw_talk()
    answer = at + ring if disposition == "ANSWERED" else None
    end = at + ring + (talk.seconds if answer else 0)
    agent = sim.roster.reserve_agent(at, end + _WRAP_UP_SECONDS)
    if not agent:
        return simulate_menu_only(sim, at)
    recording = sim.talks.build_recording(talk, f"out-{customer.number}-{agent}") if answer else None
    _add_agent_call(
        sim, agent, customer, TRUNK, start=at, answer=answer, end=end, disposition=disposition, recording=recording
    )


def _add_agent_call(
    sim: Simulation,
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
    """Add a call of an agent to an endpoint. Return the channel of the endpoint."""
    channel, dialled_channel = sim.journal.add_channel(agent, start), sim.journal.add_channel(endpoint, start)
    outside = endpoint == TRUNK
    sim.journal.cdrs.append(
        SimulatedCdr(
            channel=channel,
            dst_channel=dialled_channel,
            src=agent,
            name=sim.identities.get_agent(agent).name,
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
    return dialled_channel
