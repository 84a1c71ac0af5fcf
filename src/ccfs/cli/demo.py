"""The demo: an app, two accounts, and a day of calls that ccfs ingests like those of a real switch."""

import json
import secrets
import shutil
import sys
from datetime import timedelta

from ccfs.db.system import play_tokens, tenants
from ccfs.db.system.console import passwords, users
from ccfs.db.tenant import recordings
from ccfs.demo.simulator.day import write_day
from ccfs.ingest.asterisk import ingest
from ccfs.ingest.asterisk_lines import AsteriskSource
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.model.identity.tenancy import Account, App, Vdn
from ccfs.model.identity.user import Grant, Role
from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH
from ccfs.server.node import Node, utc_now

DEMO_APP_NAME = "demo"
DEMO_USER_NAME = "demo"
CALLS_PER_ACCOUNT = 40
DEMO_ACCOUNTS = (
    (Account(account_id="demo-london", zone="Europe/London"), Vdn(vdn_id=1, cc_id=1, account_id="demo-london"), "en"),
    (Account(account_id="demo-shanghai"), Vdn(vdn_id=2, cc_id=1, account_id="demo-shanghai"), "zh"),
)


def prepare_demo(node: Node, url: str) -> str:
    """Create the demo's app and calls if they do not exist. Return instructions for the user."""
    with node.database.read_transaction() as connection:
        app = next((app for app in tenants.list_apps(connection) if app.name == DEMO_APP_NAME), None)
    if app is not None:
        add_key = f"{sys.argv[0]} app key add --app {app.ak} --data {node.settings.data}"
        keys = f"\nDemo app: {app.ak}. Its SK was shown once; add another key with\n  {add_key}\n"
        console = f"\nConsole: {url}/console. Reset the password with\n  {sys.argv[0]} user reset {DEMO_USER_NAME}\n"
        return f"{keys}{_create_play_example(node, app, url)}{console}"
    ak, sk = "DEMO" + secrets.token_hex(6).upper(), secrets.token_urlsafe(32)
    app = _add_app(node, ak, sk)
    for seed, (account, vdn, language) in enumerate(DEMO_ACCOUNTS):
        _ingest_day(node, CallOwner(app=app, account=account, vdn=vdn), language, seed)
    body = json.dumps({"callId": _get_newest_recording(node, app).call_id})
    call = f"{sys.argv[0]} call downloadRecord '{body}' --url {url} --ak {ak} --sk {sk} -o call.wav"
    keys = f"\nDemo app (the SK is shown only once):\n  AK {ak}\n  SK {sk}\n"
    return f"{keys}{_add_operator(node, url)}\nDownload a recording:\n  {call}\n{_create_play_example(node, app, url)}"


def _add_operator(node: Node, url: str) -> str:
    """Create an operator of the console. Return instructions for logging in."""
    password = secrets.token_urlsafe(9)
    with node.database.write_transaction() as connection:
        user = users.find_by_name(connection, DEMO_USER_NAME) or users.add(connection, DEMO_USER_NAME, "", utc_now())
        users.set_password(connection, user, passwords.hash_password(password))
        users.grant_role(connection, user, Grant(role=Role.OPERATOR))
    return f"\nConsole (the password is shown only once):\n  {url}/console  {DEMO_USER_NAME}  {password}\n"


def _add_app(node: Node, ak: str, sk: str) -> App:
    with node.database.write_transaction() as connection:
        app = tenants.add_app(connection, DEMO_APP_NAME, ak, utc_now())
        tenants.add_key(connection, app, ak, sk, node.secret_box, utc_now())
        for account, vdn, _ in DEMO_ACCOUNTS:
            tenants.add_account(connection, app, account, vdn, utc_now())
    return app


def _ingest_day(node: Node, owner: CallOwner, language: str, seed: int) -> None:
    yesterday = utc_now().astimezone(owner.account.zoneinfo).date() - timedelta(days=1)
    folder = node.settings.data / "demo" / owner.account.account_id  # kept: the console shows these source files
    folder.mkdir(parents=True, exist_ok=True)
    day = write_day(
        folder,
        day=yesterday,
        zone=owner.account.zone,
        language="zh" if language == "zh" else "en",
        calls=CALLS_PER_ACCOUNT,
        seed=seed,
    )
    settled = node.settings.model_copy(update={"settle_seconds": 0.0})  # these files are complete
    run = IngestRun(database=node.database, primary_location=node.primary_location, settings=settled, now=utc_now)
    ingest(run, owner, AsteriskSource(cdr=day.cdr, queue_log=day.queue_log, recordings=[day.recordings]))
    shutil.rmtree(day.recordings)  # they are stored now


def _get_newest_recording(node: Node, app: App) -> Recording:
    with node.database.read_transaction() as connection:
        return recordings.list_newest(connection, app, 1)[0]


def _create_play_example(node: Node, app: App, url: str) -> str:
    """Create a play token and return the command that plays a recording by it."""
    token = secrets.token_hex(16).upper()
    seconds = node.settings.play_token_seconds
    recording = _get_newest_recording(node, app)
    with node.database.write_transaction() as connection:
        play_tokens.add(connection, app, token, recording, utc_now() + timedelta(seconds=seconds))
    query = f"t={int(utc_now().timestamp() * 1000)}&version=2.0&st={token}"
    curl = f'curl -o play.wav "{url}{BASE_PATH}playVoice?{query}"'
    return f"\nPlay it by token within {seconds // 60} minutes:\n  {curl}\n"
