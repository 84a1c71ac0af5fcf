"""A breaker: one failure keeps everybody away for the rest, then one tries for all."""

from ccfs.blobs.circuit_breaker import CircuitBreaker


def test_it_admits_until_something_fails() -> None:
    breaker = CircuitBreaker(5, lambda: 0.0)
    assert breaker.allows_request()
    breaker.record_success()
    assert breaker.allows_request()
    breaker.record_failure()
    assert not breaker.allows_request()


def test_after_the_rest_one_tries_and_what_came_of_it_decides() -> None:
    now = [0.0]
    breaker = CircuitBreaker(5, lambda: now[0])
    breaker.record_failure()
    for then in (5.0, 10.0):
        now[0] = then
        assert [breaker.allows_request(), breaker.allows_request()] == [True, False]
        breaker.record_failure()
    now[0] = 15.0
    assert breaker.allows_request()
    breaker.record_success()
    assert [breaker.allows_request(), breaker.allows_request()] == [True, True]
