"""Finds the steps that block the event loop for other clients, because they use much CPU time in the loop's thread.

It measures CPU time, not wall time: on a busy machine every step takes long without being to blame. The drawback is that a step
that waits for a disk or a lock is not found.
"""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, TypeVar

from ccfs.logs import get_logger

C = TypeVar("C")
_SAMPLE_SECONDS = 0.005  # interval at which a thread looks whether a step takes long
_STACK_DEPTH = 12
_CALLBACKS = ("buffer_updated", "resume_writing", "connection_lost", "eof_received", "check")


class LoopWatch:
    """Measures every step of a task and every callback of a connection; logs those beyond a limit, with their stack."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit_seconds: float) -> None:
        """Begin. To be called in the loop's thread."""
        self._limit = limit_seconds
        self._thread = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._thread)
        self._started_at = 0.0  # CPU time of the thread at the beginning of the current step, 0 between two steps
        self._step = 0
        self._stack: tuple[int, str] = (0, "")  # the last step whose stack is known, and its stack
        loop.set_task_factory(self._create_task)  # type: ignore[arg-type]  # a protocol of typeshed alone
        threading.Thread(target=self._sample, name="loop-watch", daemon=True).start()

    def run(self, name: str, action: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the action returns, and measure it."""
        self._step += 1
        self._started_at = started_at = time.thread_time()
        try:
            return action(*arguments)
        finally:
            self._started_at = 0.0
            seconds = time.thread_time() - started_at
            if seconds > self._limit:
                self._report(name, seconds)

    def watch_callbacks(self, connection_class: type[C]) -> type[C]:
        """Return a subclass whose callbacks are measured."""
        methods = {name: self._measure(getattr(connection_class, name), name) for name in _CALLBACKS}
        return type(connection_class.__name__, (connection_class,), methods)

    def _measure(self, method: Callable[..., Any], name: str) -> Callable[..., Any]:
        return lambda *arguments: self.run(name, method, *arguments)

    def _create_task(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, C], context: Context | None = None
    ) -> asyncio.Task[C]:
        return asyncio.Task(_WatchedCoroutine(self, work), loop=loop, context=context)

    def _sample(self) -> None:
        while True:
            time.sleep(_SAMPLE_SECONDS)
            step, started_at = self._step, self._started_at
            if (
                not started_at
                or step == self._stack[0]
                or time.clock_gettime(self._clock) - started_at < self._limit / 2
            ):
                continue
            frame = sys._current_frames().get(self._thread)
            places = traceback.extract_stack(frame, limit=_STACK_DEPTH)
            text = " < ".join(f"{place.filename}:{place.lineno} {place.name}" for place in reversed(places))
            if self._step == step:
                self._stack = (step, text)

    def _report(self, name: str, seconds: float) -> None:
        stack = self._stack[1] if self._stack[0] == self._step else ""
        get_logger().warning(
            "event loop blocked", action="event_loop_blocked", step=name, ms=round(seconds * 1000), stack=stack
        )


class _WatchedCoroutine(Coroutine[Any, Any, C]):
    """A coroutine whose steps are measured."""

    def __init__(self, watch: LoopWatch, inner: Coroutine[Any, Any, C]) -> None:
        self._watch, self._inner = watch, inner
        self._name = getattr(inner, "__qualname__", type(inner).__name__)

    def send(self, value: Any) -> Any:
        return self._watch.run(self._name, self._inner.send, value)

    def throw(self, *error: Any) -> Any:
        return self._watch.run(self._name, self._inner.throw, *error)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, C]:
        return self._inner.__await__()
