"""The servers that tests/servers.py starts are real, and what they leave behind is nothing."""

from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tests import servers


@pytest.mark.parametrize("time", ["first", "second"])
def test_a_test_gets_an_empty_database_that_is_its_own(empty_database_url: str, time: str) -> None:
    engine = sa.create_engine(empty_database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("create table mine (word text)"))  # fails where the other time's is still there
        connection.execute(sa.text("insert into mine values (:word)"), {"word": time})
    with engine.connect() as connection:
        assert connection.execute(sa.text("select word from mine")).scalars().all() == [time]
    engine.dispose()


def test_a_server_is_gone_when_its_block_is_left() -> None:
    with servers.run_postgres() as url:
        folder = Path(url.partition("host=")[2])
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace("+psycopg", ""))


def test_a_missing_server_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "WHEEL", "no_such_wheel")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(servers.ServerMissing, match="scripts/setup test"), servers.run_postgres():
        pass
