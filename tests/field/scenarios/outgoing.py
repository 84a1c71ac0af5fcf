"""Scenarios of calls that begin at a phone of the contact centre: outbound, internal, and click-to-call."""

from tests.field.scenarios.events import CallScript, Party, Stop, Target
from tests.field.scenarios.inbound import answer_in_queue
from tests.field.scenarios.play import Play
from tests.field.scenarios.world import World


def _start_outbound(world: World, scenario: str, callee: Party) -> Play:
    [agent] = world.draw_agents(1)
    play = Play(world, scenario, agent, callee.number)
    play.reach(Target.OUTSIDE, callee.number)
    play.ring(callee)
    return play


def simulate_outbound(world: World, scenario: str) -> list[CallScript]:
    callee = world.draw_outside()
    play = _start_outbound(world, scenario, callee)
    play.answer(callee)
    play.talk()
    return [play.hang_up()]


def simulate_outbound_short_number(world: World, scenario: str) -> list[CallScript]:
    """An agent calls a service whose number is as short as an extension."""
    callee = Party(number=world.random.choice(("10086", "10010", "911", "112")))
    play = _start_outbound(world, scenario, callee)
    play.answer(callee)
    play.talk()
    return [play.hang_up()]


def _fail_outbound(world: World, scenario: str, reason: Stop, low: float, high: float) -> list[CallScript]:
    play = _start_outbound(world, scenario, world.draw_outside())
    play.wait(low, high)
    play.stop(reason)
    return [play.hang_up(by_agent=True) if reason is Stop.CALLER_GAVE_UP else play.end_by_switch()]


def simulate_outbound_busy(world: World, scenario: str) -> list[CallScript]:
    return _fail_outbound(world, scenario, Stop.BUSY, 1, 3)


def simulate_outbound_not_found(world: World, scenario: str) -> list[CallScript]:
    return _fail_outbound(world, scenario, Stop.NOT_FOUND, 0.1, 1)


def simulate_outbound_no_circuit(world: World, scenario: str) -> list[CallScript]:
    return _fail_outbound(world, scenario, Stop.NO_CIRCUIT, 0.1, 1)


def simulate_outbound_no_answer(world: World, scenario: str) -> list[CallScript]:
    return _fail_outbound(world, scenario, Stop.NO_ANSWER, 20, 30)


def simulate_outbound_given_up(world: World, scenario: str) -> list[CallScript]:
    return _fail_outbound(world, scenario, Stop.CALLER_GAVE_UP, 3, 20)


def simulate_click_to_call(world: World, scenario: str) -> list[CallScript]:
    """A program calls the agent's phone, and then a number outside."""
    [agent], callee = world.draw_agents(1), world.draw_outside()
    play = Play(world, scenario, agent, callee.number)
    play.script.is_originated = True
    play.script.is_recorded = False
    play.ring(agent)
    play.answer(agent, 1, 5)
    play.reach(Target.OUTSIDE, callee.number)
    play.ring(callee)
    play.answer(callee)
    play.talk()
    return [play.hang_up()]


def simulate_click_to_call_local(world: World, scenario: str) -> list[CallScript]:
    """A program calls the agent's phone through a Local channel, and then a number outside."""
    [script] = simulate_click_to_call(world, scenario)
    script.is_local_originate = True
    return [script]


def simulate_internal(world: World, scenario: str) -> list[CallScript]:
    caller, callee = world.draw_agents(2)
    play = Play(world, scenario, caller, callee.number)
    play.reach(Target.PHONE, callee.number)
    play.ring(callee)
    play.answer(callee)
    play.talk()
    return [play.hang_up()]


def simulate_internal_busy(world: World, scenario: str) -> list[CallScript]:
    caller, callee = world.draw_agents(2)
    play = Play(world, scenario, caller, callee.number)
    play.reach(Target.PHONE, callee.number)
    play.ring(callee)
    play.wait(0.1, 1)
    play.stop(Stop.BUSY)
    return [play.end_by_switch()]


def simulate_internal_to_queue(world: World, scenario: str) -> list[CallScript]:
    """An agent calls a queue."""
    caller, callee = world.draw_agents(2)
    play = Play(world, scenario, caller, queue := world.draw_queue())
    play.reach(Target.QUEUE, queue)
    return [answer_in_queue(play, callee)]
