"""Filter chips: each filter of a search in words, with the search without it. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ccfs.console import labels
from ccfs.console.calls.search_form import CUSTOM_PERIOD, SearchForm
from ccfs.model.calls.search_text import split_texts

_TEXT_FIELDS = ("q", "caller", "callee", "agent", "queue")
_PLAIN_FIELDS = ("min_talk", "max_talk")
_CHOICES: dict[str, Mapping[str, str]] = {
    "direction": {str(key): label for key, label in labels.DIRECTIONS.items()},
    "answered": labels.ANSWERED,
    "recorded": labels.RECORDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterChip:
    """One filter."""

    label: str  # translated; empty for the search field
    value: str
    query: str  # of the search without the filter


def list_chips(form: SearchForm, translate: Callable[..., str]) -> list[FilterChip]:
    """Return the search's filters, and its period if it is not one of the list."""
    return [*_list_texts(form, translate), *_list_choices(form, translate), *_list_period(form, translate)]


def _list_texts(form: SearchForm, translate: Callable[..., str]) -> Iterator[FilterChip]:
    for field in _TEXT_FIELDS:
        texts = split_texts(form.fields[field])
        for text in texts:
            rest = ", ".join(other for other in texts if other != text)
            yield FilterChip(label=_get_label(field, translate), value=text, query=form.build_query(**{field: rest}))


def _list_choices(form: SearchForm, translate: Callable[..., str]) -> Iterator[FilterChip]:
    for field, choices in _CHOICES.items():
        label = next((label for choice, label in choices.items() if choice == form.fields[field]), "")
        if label:
            yield FilterChip(
                label=_get_label(field, translate), value=translate(label), query=form.build_query(**{field: ""})
            )
    for field in _PLAIN_FIELDS:
        if value := form.fields[field]:
            yield FilterChip(label=_get_label(field, translate), value=value, query=form.build_query(**{field: ""}))


def _list_period(form: SearchForm, translate: Callable[..., str]) -> Iterator[FilterChip]:
    if form.fields["period"] == CUSTOM_PERIOD:
        begin, end = (form.fields[name].replace("T", " ") for name in ("from", "to"))
        query = form.build_query(period="", **{"from": "", "to": ""})
        yield FilterChip(label=translate("Period"), value=f"{begin} – {end}".rstrip(" –"), query=query)


def _get_label(field: str, translate: Callable[..., str]) -> str:
    return translate(labels.SEARCH_FIELDS[field]) if field in labels.SEARCH_FIELDS else ""
