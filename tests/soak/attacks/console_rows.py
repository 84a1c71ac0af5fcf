"""Attacks on the console, on tokens, URLs, paths and logs."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, urlencode

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import send_request
from tests.console.console_client import ConsoleClient
from tests.soak.attacks.api_rows import SLOW_SECONDS, post
from tests.soak.attacks.site import Attack, AttackSite, list_statuses


def inject_into_logs(site: AttackSite) -> str:
    """Header values, paths and names that look like log lines."""
    line = '{"action":"forged","level":"info"}'
    for name in ("user-agent", "x-request-id", "referer", "x-forwarded-for", "cookie", "authorization", "traceparent"):
        send_request(site.server, "GET", f"/{quote(line)}", {name: line, "x": f"\x1b[31m{line}"})
    post(site, site.client.build_body({"fileName": f"\n{line}\r\n\x1b]0;x\x07"}))
    site.console.post("/console/login", name=f"\n{line}\n", password="x", csrf="")
    log = site.server.read_log()
    assert not [text for text in log.splitlines() if text.strip() == line]
    assert "\x1b[31m" not in log
    return "no forged line"


def forge_forwarding(site: AttackSite) -> str:
    """X-Forwarded-* and Host in thousands, from somebody who is no proxy."""
    hops = ",".join(f"10.{number % 250}.0.1" for number in range(1_500))
    for headers in (
        {"x-forwarded-for": hops},
        {"x-forwarded-for": "," * 10_000},
        {"x-forwarded-proto": "https," * 2_000},
        {"forwarded": "for=" + "x" * 10_000},
        {"host": "evil.example"},
        {"host": "a" * 10_000},
    ):
        reply = send_request(site.server, "GET", "/console/login", headers)
        assert reply.status == 200
        assert "Secure" not in reply.headers.get("set-cookie", "")
        assert b"evil.example" not in reply.body
    return "ignored"


def search_hostile_text(site: AttackSite) -> str:
    """LIKE wildcards, long terms, dates of ten millennia, unknown orders and cursors in the console's search."""
    account = f"{site.tenant.ak}/acme-account"
    queries: list[dict[str, Any]] = [
        {"caller": "%" * 5_000},
        {"caller": "_%" * 2_000, "callee": "%_" * 2_000},
        {"agent": "\u0130\u0345" * 500},
        {"queue": "((((a+)+)+)+)$" * 100},
        {"from": "0001-01-01T00:00", "to": "9999-12-31T23:59"},
        {"from": "9999-12-31T23:59:59", "to": "9999-12-31T23:59:59"},
        {"from": "-10000-01-01", "to": "+99999-01-01"},
        {"min_talk": "9" * 4_000, "max_talk": "9:" * 2_000},
        {"sort": "newest;" * 500},
        {"cursor": "9" * 19 + "." + "9" * 19 + "." + "a" * 64},
        {"cursor": "0." * 3_000},
        {"direction": "x" * 5_000, "recorded": "x" * 5_000},
        {"account": "x/" * 3_000},
        {"self": "x", "path": "x", "request": "x", "_": "x"},
        {"caller": "\0\ud7ff\uffff"},
    ]
    statuses = set()
    for page in ("/console/calls", "/console/calls/csv", "/console/statistics", "/console/audit", "/console/exports"):
        for query in queries:
            began = time.monotonic()
            reply = site.console.get(f"{page}?{urlencode({'account': account} | query)}")
            assert reply.status < 500, (page, query, reply.status)
            assert time.monotonic() - began < SLOW_SECONDS, (page, query)
            statuses.add(str(reply.status))
    return f"{5 * len(queries)} queries: {', '.join(sorted(statuses))}"


def flood_sessions(site: AttackSite) -> str:
    """Guess sessions and CSRF tokens, many cookies of one name, and tokens of other forms."""
    count = site.scale(2_000, 50)

    def guess(number: int) -> int:
        cookie = f"ccfs_session={random.Random(number).randbytes(32).hex()}; " + "ccfs_session=x; " * 300
        return send_request(site.server, "GET", "/console/users", {"cookie": cookie}, source="127.0.3.8").status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(guess, range(count))) == {303}
    for csrf in ("", "x", "\u00e9" * 64, "a" * 60_000, site.console.csrf[:-1], site.console.csrf.upper() + " "):
        assert site.console.post("/console/account/password", csrf=csrf).status == 403
    return f"{count} sessions and 6 tokens, none right"


def send_hostile_forms(site: AttackSite) -> str:
    """Multipart of 10,000 parts, a boundary of 14 KB, a part's head of 60 KB; 10,000 fields; numbers of 5,000 digits."""
    path, boundary = "/console/settings/certificates/add", "x" * 70
    part = b"--x\r\ncontent-disposition: form-data; name=a\r\n\r\nb\r\n"
    forms = {
        "multipart/form-data; boundary=x": [
            part * 5_000 + b"--x--",
            b"--x" * 80_000,
            b'--x\r\ncontent-disposition: form-data; name="' + b"a" * 60_000 + b'"\r\n\r\nb\r\n--x--',
            b"--x\r\n" + b"y: z\r\n" * 40_000 + b"\r\nb\r\n--x--",
            b"--x\r\ncontent-type: multipart/mixed; boundary=x\r\n\r\n" + part * 10 + b"--x--",
        ],
        f"multipart/form-data; boundary={boundary}": [b"--" + boundary.encode()[:-1] * 3_000],
        f"multipart/form-data; boundary={'x' * 14_000}": [part],
        "multipart/form-data; boundary=" + '"' * 5_000: [part],
        "application/x-www-form-urlencoded": [b"&" * 60_000, b"a=b&" * 15_000, b"csrf=" + b"%" * 60_000, b"\xff=\xfe"],
        "x" * 10_000: [b"x"],
    }
    count = 0
    for content_type, bodies in forms.items():
        for body in bodies:
            headers = {
                "content-type": content_type,
                "origin": f"http://{site.server.host}",
                "host": site.server.host,
                "cookie": "; ".join(f"{name}={value}" for name, value in site.console.cookies.items()),
            }
            reply = send_request(site.server, "POST", path, headers, body)
            assert reply.status < 500, (content_type[:60], body[:60], reply.status)
            count += 1
    for path in ("/console/users/revoke", "/console/users/grant", "/console/callbacks/retry", "/console/apps/add"):
        for value in ("9" * 5_000, "-1", "\u0661", "1e9", "\0"):
            reply = site.console.post(path, grant=value, id=value, name=value, role=value, app=value, account=value)
            assert reply.status < 500, (path, value[:10], reply.status)
            count += 1
    return f"{count} forms, all refused"


def sign_in_hostile(site: AttackSite) -> str:
    """A name and a password of 60 KB, a next page elsewhere, an OIDC callback in thousands."""
    client = ConsoleClient(server=site.server, source="127.0.3.7")
    for name, password in (("x" * 30_000, "y"), ("olga", "p" * 60_000), ("o\0lga", "\ud7ff"), ("\u202eagl\u00f6", "x")):
        began = time.monotonic()
        assert client.sign_in(name, password).status in (400, 401, 403, 429)
        assert time.monotonic() - began < SLOW_SECONDS
    count = site.scale(2_000, 50)
    with ThreadPoolExecutor(8) as pool:
        callback = "/console/oidc/callback?state={0}&code={0}"
        statuses = set(pool.map(lambda n: client.get(callback.format(f"{n:x}" * 200)).status, range(count)))
    assert max(statuses) < 500, statuses
    return f"refused; {count} callbacks without a sign-in: {', '.join(map(str, sorted(statuses)))}"


def walk_paths(site: AttackSite) -> str:
    """Traversal and other spellings in paths of static files, signed URLs, peers."""
    tails = (
        "../../node.keys",
        "..%2f..%2fnode.keys",
        "....//node.keys",
        "%00",
        "%c0%ae%c0%ae/x",
        ";/x",
        "//x",
        "\\..\\x",
        "." * 5_000,
    )
    count = 0
    for prefix in ("/console/static/", "/ccfs-files/", "/peer/", "/", "/docs/", BASE_PATH):
        for tail in tails:
            statuses = list_statuses(
                site.send(f"GET {prefix}{tail} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            )
            assert statuses
            assert statuses[0] in ("303", "400", "401", "403", "404", "405"), (prefix, tail, statuses)
            count += 1
    return f"{count} paths, nothing found"


def guess_tokens(site: AttackSite) -> str:
    """Guess play tokens and signed URLs."""
    count = site.scale(3_000, 100)

    def guess(number: int) -> int:
        token = random.Random(number).randbytes(16).hex().upper()
        return len(send_request(site.server, "GET", f"{BASE_PATH}playVoice?st={token}", source="127.0.3.9").body)

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(guess, range(count))) < 500
    for query in ("x=" + "y" * 10_000, "&" * 10_000, "sig=" + "%00" * 3_000, "e=" + "9" * 5_000):
        reply = send_request(site.server, "GET", f"/ccfs-files/{site.tenant.app.id}/x.wav?{query}")
        assert reply.status in (403, 404), reply.status
    return f"{count} guesses, none right"


ATTACKS = (
    Attack(name="guessing play tokens and URLs", run=guess_tokens),
    Attack(name="log lines in headers, paths, names", run=inject_into_logs),
    Attack(name="forged X-Forwarded-*, Host", run=forge_forwarding),
    Attack(name="hostile searches in the console", run=search_hostile_text),
    Attack(name="guessing sessions and CSRF tokens", run=flood_sessions),
    Attack(name="hostile forms, multipart bombs", run=send_hostile_forms),
    Attack(name="hostile sign-ins, OIDC callbacks", run=sign_in_hostile),
    Attack(name="path traversal", run=walk_paths),
)
