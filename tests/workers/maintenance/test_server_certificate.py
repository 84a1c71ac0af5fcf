"""The watch of the server's own certificate: its expiry is stored with the node and logged once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from structlog.testing import capture_logs

from ccfs.db.engine import Database
from ccfs.db.system import nodes
from ccfs.db.system.certificates.server_certificate import read_expiry
from ccfs.model.node import NodeRecord
from ccfs.workers.maintenance.server_certificate import ServerCertificateWatch
from tests.certificates import DAY, create_identity

NOW = datetime.now(UTC)


def write_certificate(folder: Path, name: str, days: int) -> tuple[Path, datetime]:
    """Write a certificate that ends in so many days, and return its file and its end."""
    identity = create_identity("a.example.com", ends=days * DAY)
    path = folder / name
    path.write_bytes(identity.pem)
    return path, identity.certificate.not_valid_after_utc


def test_the_expiry_is_stored_with_the_node_and_logged_if_it_is_soon(database: Database, tmp_path: Path) -> None:
    path, ends = write_certificate(tmp_path, "soon.pem", 10)
    record = NodeRecord(id="a", folder="", address="", version="1", revision="0001", started_at=NOW, heartbeat_at=NOW)
    with database.write_transaction() as connection:
        nodes.register(connection, record, timedelta(seconds=30))

    def read_stored() -> datetime | None:
        with database.read_transaction() as connection:
            node = nodes.find_by_id(connection, "a")
        assert node is not None
        return node.certificate_expires_at

    watch = ServerCertificateWatch(database, "a", path, lambda: ends - 9.5 * DAY)
    with capture_logs() as lines:
        watch()
        watch()
    assert read_stored() == ends
    assert [(line["action"], line["days"]) for line in lines] == [("certificate_expiring", 9)]
    ServerCertificateWatch(database, "a", None, lambda: NOW)()
    assert read_stored() is None


def test_a_chain_expires_with_its_first_certificate(tmp_path: Path) -> None:
    late, _ = write_certificate(tmp_path, "late.pem", 60)
    early, ends = write_certificate(tmp_path, "early.pem", 5)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(late.read_bytes() + early.read_bytes())
    assert read_expiry(chain) == ends
    assert read_expiry(tmp_path / "none.pem") is None
    chain.write_bytes(b"no certificate")
    assert read_expiry(chain) is None
