"""Forms that were sent and not accepted: what was typed and what is wrong, for the templates that show them again. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

UNKEPT = frozenset(
    {"password", "new_password", "repeat", "code", "link_password"}
)  # fields whose values are never shown again


@dataclass(frozen=True, slots=True, kw_only=True)
class FormState:
    """One form of a page; that of a form which was not sent is empty."""

    is_failed: bool = False
    values: Mapping[str, str] = field(default_factory=dict)  # as typed
    problem: str = ""
    problem_field: str = ""  # name of the field that is wrong; "": the whole form

    def get(self, name: str, default: object = "") -> object:
        """Return what was typed into a field, else the default."""
        return self.values.get(name, default)

    def is_wrong(self, name: str) -> bool:
        """Return whether the problem is a field's."""
        return bool(self.problem) and self.problem_field == name


@dataclass(slots=True, kw_only=True)
class SentForm:
    """The form of a request, which failed with a problem."""

    path: str
    values: Mapping[str, str]
    problem: str
    problem_field: str
    is_shown: bool = False  # whether the page has shown the form

    def find_state(self, path: str, /, **keys: str) -> FormState:
        """Return the state of the form with that path and those hidden fields."""
        is_sent = path == self.path and all(self.values.get(name) == value for name, value in keys.items())
        if not is_sent:
            return FormState()
        self.is_shown = True
        kept = {name: value for name, value in self.values.items() if name not in UNKEPT}
        return FormState(is_failed=True, values=kept, problem=self.problem, problem_field=self.problem_field)
