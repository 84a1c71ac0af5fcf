"""The rate of a transfer, measured over consecutive periods."""

_NEVER = float("inf")


class RateWindow:
    """Judges one direction of a connection. A client that moves much at first and then nothing is too slow all the same."""

    __slots__ = ("_end", "_mark")

    def __init__(self) -> None:
        self._end, self._mark = _NEVER, 0

    def reset(self) -> None:
        """Begin again at the next check: nothing is to be moved at the moment."""
        self._end = _NEVER

    def is_too_slow(self, now: float, moved: int, seconds: float, rate: int) -> bool:
        """Return whether less than `rate` bytes a second moved in a whole period; `moved` is the total so far."""
        if self._end == _NEVER:
            self._end, self._mark = now + seconds, moved
            return False
        if now < self._end:
            return False
        too_slow = moved - self._mark < rate * seconds
        self._end, self._mark = now + seconds, moved
        return too_slow
