"""The access matrix of the console, as docs/security.md holds it. `python -m tests.console.access.access_matrix` updates the page."""

from pathlib import Path

from ccfs.console.access import AccessScope, Route
from ccfs.console.routes import ROUTES
from ccfs.model.identity.user import ROLE_PERMISSIONS, Role

PAGE = Path(__file__).parents[3] / "docs" / "security.md"
BEGIN, END = "<!-- access matrix: begin -->\n", "<!-- access matrix: end -->\n"
SCOPE_NAMES = {
    AccessScope.GLOBAL: "everywhere",
    AccessScope.ANYWHERE: "anywhere",
    AccessScope.WHOLE_APP: "whole app",
    AccessScope.APP: "app or account",
    AccessScope.ACCOUNT: "account",
}


def is_allowed(route: Route, role: Role | None) -> bool:
    """Whether a signed-in user may call a route, with a role where the route needs one, or with none."""
    if route.permission is None:
        return True
    return role is not None and route.permission in ROLE_PERMISSIONS[role]


def format_matrix() -> str:
    """Return the matrix as a Markdown table."""
    header = ["route", "permission", "where", *Role, "no role", "not signed in"]
    rows = [header, ["---"] * len(header), *map(_build_row, ROUTES)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _build_row(route: Route) -> list[str]:
    cells = ["yes" if is_allowed(route, role) else "–" for role in (*Role, None)]
    permission = route.permission or ("public" if route.is_public else "signed in")
    where = SCOPE_NAMES[route.scope] if route.scope else "–"
    return [f"{route.method} `{route.path}`", permission, where, *cells, "yes" if route.is_public else "–"]


def replace_matrix(page: str) -> str:
    """Return the page with the matrix between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{PAGE} has no place for the matrix"
    return f"{before}{BEGIN}{format_matrix()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(replace_matrix(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
