"""The demo: an app, two accounts, and a day of calls that goes through the product's own ingest."""

import json
import secrets
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from ccfs.demo.switch import leave_day
from ccfs.model.recording import Recording
from ccfs.model.tenancy import Account, App, Vdn
from ccfs.model.user import Grant, Role
from ccfs.node import Node, now
from ccfs.store import passwords, play_tokens, recordings, tenancy, users
from ccfs.wire.operations import BASE
from ccfs.work.ingest.asterisk import Asterisk, ingest
from ccfs.work.ingest.context import Owner, Run

NAME = "demo"
PERSON = "demo"  # who may sign in to the console
CALLS = 40  # of each account
ACCOUNTS = (
    (Account(account_id="demo-london", zone="Europe/London"), Vdn(vdn_id=1, cc_id=1, account_id="demo-london"), "en"),
    (Account(account_id="demo-shanghai"), Vdn(vdn_id=2, cc_id=1, account_id="demo-shanghai"), "zh"),
)


def prepare_demo(node: Node, url: str) -> str:
    """Make the demo's app and calls if they are not there; what to tell the person who started it."""
    with node.database.reading() as connection:
        app = next((one for one in tenancy.apps(connection) if one.name == NAME), None)
    if app is not None:
        again = f"{sys.argv[0]} app key add --app {app.ak} --data {node.settings.data}"
        said = f"\nThe demo's app is {app.ak}. Its SK was shown once; another one:\n  {again}\n{_play(node, app, url)}"
        return f"{said}\nThe console is at {url}/console; a new password: {sys.argv[0]} user reset {PERSON}\n"
    ak, sk = "DEMO" + secrets.token_hex(6).upper(), secrets.token_urlsafe(32)
    app = _add_app(node, ak, sk)
    for seed, (account, vdn, language) in enumerate(ACCOUNTS):
        _take_day(node, Owner(app=app, account=account, vdn=vdn), language, seed)
    ask = json.dumps({"callId": _example(node, app).call_id})
    call = f"{sys.argv[0]} call downloadRecord '{ask}' --url {url} --ak {ak} --sk {sk} -o call.wav"
    keys = f"\nThe demo's app (its SK is shown this once):\n  AK {ak}\n  SK {sk}\n"
    return f"{keys}{_person(node, url)}\nDownload a call's recording:\n  {call}\n{_play(node, app, url)}"


def _person(node: Node, url: str) -> str:
    """An operator of the console, and how to sign in."""
    password = secrets.token_urlsafe(9)
    with node.database.writing() as connection:
        user = users.by_name(connection, PERSON) or users.add(connection, PERSON, "", now())
        users.set_password(connection, user, passwords.hashed(password))
        users.grant(connection, user, Grant(role=Role.OPERATOR))
    return f"\nThe console, with search and player (the password is shown this once):\n  {url}/console  {PERSON}  {password}\n"


def _add_app(node: Node, ak: str, sk: str) -> App:
    with node.database.writing() as connection:
        app = tenancy.add_app(connection, NAME, ak, now())
        tenancy.add_key(connection, app, ak, sk, node.sealer, now())
        for account, vdn, _ in ACCOUNTS:
            tenancy.add_account(connection, app, account, vdn, now())
    return app


def _take_day(node: Node, owner: Owner, language: str, seed: int) -> None:
    yesterday = now().astimezone(owner.account.zoneinfo).date() - timedelta(days=1)
    with tempfile.TemporaryDirectory() as folder:
        day = leave_day(
            Path(folder),
            day=yesterday,
            zone=owner.account.zone,
            language="zh" if language == "zh" else "en",
            calls=CALLS,
            seed=seed,
        )
        settled = node.settings.model_copy(update={"settle_seconds": 0.0})  # nobody writes to these files any more
        run = Run(database=node.database, home=node.home, settings=settled, now=now)
        ingest(run, owner, Asterisk(cdr=day.cdr, queue_log=day.queue_log, recordings=day.recordings))


def _example(node: Node, app: App) -> Recording:
    with node.database.reading() as connection:
        return recordings.newest(connection, app, 1)[0]


def _play(node: Node, app: App, url: str) -> str:
    """How to play a recording by a token that is made now."""
    token = secrets.token_hex(16).upper()
    seconds = node.settings.play_token_seconds
    recording = _example(node, app)
    with node.database.writing() as connection:
        play_tokens.add(connection, app, token, recording, now() + timedelta(seconds=seconds))
    query = f"t={int(now().timestamp() * 1000)}&version=2.0&st={token}"
    curl = f'curl -o play.wav "{url}{BASE}playVoice?{query}"'
    return f"\nPlay it by token, for the next {seconds // 60} minutes:\n  {curl}\n"
