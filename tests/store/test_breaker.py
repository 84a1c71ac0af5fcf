"""A breaker: one failure keeps everybody away for the rest, then one tries for all."""

from ccfs.store.locations.breaker import Breaker


def test_it_admits_until_something_fails() -> None:
    breaker = Breaker(5, lambda: 0.0)
    assert breaker.admits()
    breaker.worked()
    assert breaker.admits()
    breaker.failed()
    assert not breaker.admits()


def test_after_the_rest_one_tries_and_what_came_of_it_decides() -> None:
    now = [0.0]
    breaker = Breaker(5, lambda: now[0])
    breaker.failed()
    for then in (5.0, 10.0):
        now[0] = then
        assert [breaker.admits(), breaker.admits()] == [True, False]
        breaker.failed()
    now[0] = 15.0
    assert breaker.admits()
    breaker.worked()
    assert [breaker.admits(), breaker.admits()] == [True, True]
