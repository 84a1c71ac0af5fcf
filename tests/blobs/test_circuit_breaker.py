"""The circuit breaker: one failure stops all requests during the cooldown, then one request decides."""

from ccfs.blobs.circuit_breaker import CircuitBreaker


def test_the_breaker_admits_requests_until_one_fails() -> None:
    breaker = CircuitBreaker(5, lambda: 0.0)
    assert breaker.allows_request()
    breaker.record_success()
    assert breaker.allows_request()
    breaker.record_failure()
    assert not breaker.allows_request()


def test_after_the_cooldown_one_request_decides_for_all() -> None:
    now = [0.0]
    breaker = CircuitBreaker(5, lambda: now[0])
    breaker.record_failure()
    for moment in (5.0, 10.0):
        now[0] = moment
        assert [breaker.allows_request(), breaker.allows_request()] == [True, False]
        breaker.record_failure()
    now[0] = 15.0
    assert breaker.allows_request()
    breaker.record_success()
    assert [breaker.allows_request(), breaker.allows_request()] == [True, True]
