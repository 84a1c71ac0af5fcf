"""What a user makes in the console, so that every page of it has something to show."""

from dataclasses import dataclass

from ccfs.db.system import tenants
from tests.console.console_client import ConsoleClient, extract_text
from tests.console.demo_site import LONDON
from tests.console.jobs.job_site import KNOWN_RECORDING, SUPERVISOR, TODAY_AGENT, JobSite
from tests.console.links.conftest import read_link_token
from tests.console.quality.quality_forms import FORM_FIELDS, GOOD_ANSWERS


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeByUser:
    """Ids of what a user made."""

    bulk_download: str
    form: str
    evaluation: str  # submitted
    draft: str
    calibration: str
    guest_link: str  # its token


def make_objects(site: JobSite, name: str) -> MadeByUser:
    """Let a user request a zip, save a search, score calls, and make a rule, a calibration and a guest link."""
    client = ConsoleClient(server=site.demo.server)
    assert client.sign_in(name).status == 303
    account = {"account": site.demo.build_account_param(LONDON)}

    def post(path: str, **fields: str) -> str:
        """Return the last parameter of the address to which a form leads."""
        reply = client.post(f"/console/{path}", **account, **fields)
        assert reply.status == 303, extract_text(reply)
        return reply.headers["location"].rpartition("=")[2]

    form = post("evaluation-form/edit", **FORM_FIELDS)
    called = {"id": site.call.call_id, "agent": site.call.agent_id, "form": form}
    evaluation = post("evaluation/start", **called)
    post("evaluation", evaluation=evaluation, revision="0", **GOOD_ANSWERS)
    post("sampling-rules", **called, period="week", calls="2", direction="")
    post("saved-searches/save", name=f"Search of {name}", query="period=7")
    return MadeByUser(
        bulk_download=post("bulk-downloads", all="yes", period="7"),
        form=form,
        evaluation=evaluation,
        draft=post("evaluation/start", **called | {"id": site.unrecorded_call, "agent": TODAY_AGENT}),
        calibration=post("calibration/new", **called, **{f"scorer.{name}": "on", f"scorer.{SUPERVISOR}": "on"}),
        guest_link=_make_guest_link(site, client),
    )


def allow_guest_links(site: JobSite) -> None:
    """Let the account have guest links."""
    with site.demo.server.node.database.write_transaction() as connection:
        tenants.set_account_links(connection, site.demo.app, LONDON, allows_links=True)


def _make_guest_link(site: JobSite, client: ConsoleClient) -> str:
    account = {"account": site.demo.build_account_param(LONDON)}
    reply = client.post("/console/links", **account, id=site.call.call_id, recording=KNOWN_RECORDING, hours="24")
    assert reply.status == 303, extract_text(reply)
    return read_link_token(client, reply)
