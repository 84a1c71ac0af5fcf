"""Rows of trusted certificates on both engines."""

import time
from dataclasses import replace

import pytest

from ccfs.model.errors import Misuse
from ccfs.store import trusted_certificates as store
from ccfs.store.db import Database
from ccfs.store.trusted_certificates import Trusted, TrustedCertificate
from tests.store.given import NOW, SECOND

ONE = TrustedCertificate(
    name="receiver", der=bytes(range(256)), sha256="ab" * 32, subject="CN=receiver.example,O=例", not_after=NOW
)


def test_certificates_come_back_whole_by_name(database: Database) -> None:
    before = replace(ONE, name="before", not_after=NOW + SECOND)
    with database.writing() as connection:
        store.add_certificate(connection, ONE, NOW)
        store.add_certificate(connection, before, NOW)
    with database.reading() as connection:
        assert store.certificates(connection) == [before, ONE]


def test_a_name_is_given_once_and_the_first_stays(database: Database) -> None:
    with database.writing() as connection:
        store.add_certificate(connection, ONE, NOW)
        with pytest.raises(Misuse, match="receiver is taken"):
            store.add_certificate(connection, replace(ONE, der=b"another"), NOW)
        assert store.certificates(connection) == [ONE]


def test_a_removed_certificate_is_gone_and_its_name_free(database: Database) -> None:
    with database.writing() as connection:
        store.add_certificate(connection, ONE, NOW)
        store.remove_certificate(connection, "receiver")
        assert store.certificates(connection) == []
        with pytest.raises(Misuse, match="no certificate receiver"):
            store.remove_certificate(connection, "receiver")
        store.add_certificate(connection, ONE, NOW)


def test_who_sends_knows_of_a_change_within_a_moment(database: Database) -> None:
    trusted = Trusted(database)
    before = trusted()
    with database.writing() as connection:
        store.add_certificate(connection, ONE, NOW)
    time.sleep(Trusted.PATIENCE)
    number, certificates = trusted()
    assert (before, certificates) == ((0, []), [ONE.der])
    assert number > 0
    assert trusted() == (number, [ONE.der])
