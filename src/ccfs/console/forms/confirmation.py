"""Confirmation of what does harm: a form of such a route first leads to a page that says what will happen.

The page holds the fields of the form, and sends them again with `confirmed`. Scripts show it as a dialog.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from ccfs.console.request import ConsoleRequest
from ccfs.web.responses.types import BytesResponse

CONFIRMED: Final = "confirmed"
_UNREPEATED: Final = ("csrf", "password", CONFIRMED)  # fields that the page has of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question to a user; every text is translated."""

    title: str  # the question
    consequences: tuple[str, ...]  # what will happen, one sentence or two each
    action: str  # on the button
    cancel_path: str  # the page to return to
    needs_password: bool = False  # whether the handler asks for the user's own password


AskQuestion = Callable[[ConsoleRequest], Awaitable[Question | None]]  # None: there is nothing to ask


def is_confirmed(request: ConsoleRequest) -> bool:
    """Return whether the form comes from the confirmation page."""
    return request.form.get(CONFIRMED) == "yes"


def render_question(
    request: ConsoleRequest, question: Question, status: int = 200, problem: str = "", field: str = ""
) -> BytesResponse:
    """Return the confirmation page, with the fields of the request's form; with a problem of its password, if there is one."""
    return request.render_page(
        "confirm.html",
        status,
        problem,
        field,
        question=question,
        action=request.url,
        fields=[(name, value) for name, value in request.form.items() if name not in _UNREPEATED],
    )


def render_problem(ask: AskQuestion) -> Callable[[ConsoleRequest, int, str, str], Awaitable[BytesResponse]]:
    """Return the function that shows the question again, with a problem: for `requires_password`."""

    async def render(request: ConsoleRequest, status: int, problem: str, field: str) -> BytesResponse:
        question = await ask(request)
        assert question is not None, "a form that needs a password has a question"
        return render_question(request, question, status, problem, field)

    return render
