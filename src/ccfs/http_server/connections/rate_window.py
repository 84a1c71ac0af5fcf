"""The rate of a transfer, measured over consecutive periods."""

_NEVER = float("inf")


class RateWindow:
    """Checks one direction of a connection. A client that transfers much at first and then nothing is also too slow."""

    __slots__ = ("_end", "_mark")

    def __init__(self) -> None:
        self._end, self._mark = _NEVER, 0

    def reset(self) -> None:
        """Start again at the next check, because nothing needs to be transferred at the moment."""
        self._end = _NEVER

    def is_too_slow(self, now: float, moved: int, seconds: float, rate: int) -> bool:
        """Return whether fewer than `rate` bytes per second were transferred in a whole period; `moved` is the total so far."""
        if self._end == _NEVER:
            self._end, self._mark = now + seconds, moved
            return False
        if now < self._end:
            return False
        too_slow = moved - self._mark < rate * seconds
        self._end, self._mark = now + seconds, moved
        return too_slow
