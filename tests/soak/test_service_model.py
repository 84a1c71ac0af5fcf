"""Whatever the order of steps and kills: the service gives back what it has accepted, exactly."""

import os
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests import databases
from tests.soak.service_model import ServiceModel

EXAMPLES, STEPS = int(os.environ.get("MODEL_EXAMPLES", "30")), 20


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_accepted_comes_back_exactly(kind: str, request: pytest.FixtureRequest) -> None:
    compared_before = ServiceModel.compared
    with ExitStack() as stack:

        def create_url() -> str:
            if kind == "sqlite":
                return ""
            cluster = request.getfixturevalue("postgres_url")
            return stack.enter_context(databases.create_database(cluster))

        machine = type("Model", (ServiceModel,), {"url": staticmethod(create_url)})
        slow = settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        run_state_machine_as_test(machine, settings=slow)
    assert ServiceModel.compared - compared_before > EXAMPLES
