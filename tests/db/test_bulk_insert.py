"""Bulk inserts on both engines: any text is read back as it was inserted, and a failed insert adds no row."""

import pytest
from sqlalchemy.exc import DBAPIError

from ccfs.db.engine import Database
from ccfs.db.tenant.calls import agent_operations, cdrs
from ccfs.model.calls.agent_operation import AgentSkillChange
from ccfs.model.calls.cdr import Cdr
from ccfs.model.identity.tenancy import App
from tests.db.sample_rows import NOW

TEXTS = ["", '"', 'a "b", c', "\r\n", "\\.", "x\n\\.\ny", "\\N", "NULL", "\t", "录音", "'; --", "%s %(x)s", ","]


def make_cdr(number: int, text: str = "") -> Cdr:
    return Cdr(
        account_id="100", cc_id="1", vdn_id="8", call_id="c", begin=NOW, caller_name=text, source_key=f"{number:032x}"
    )


def test_any_text_is_read_back(database: Database, app: App) -> None:
    rows = [make_cdr(number, text) for number, text in enumerate(TEXTS)]
    with database.write_transaction() as connection:
        cdrs.add(connection, app, rows)
        cdrs.add(connection, app, [])
        stored = cdrs.find_by_call_ids(connection, app, ["c"])["c"]
    assert sorted(stored, key=lambda row: row.source_key) == rows


def test_an_existing_row_has_the_whole_insert_rejected(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [make_cdr(5)])
    with pytest.raises(DBAPIError), database.write_transaction() as connection:
        cdrs.add(connection, app, [make_cdr(number) for number in range(10)])
    with database.write_transaction() as connection:
        assert cdrs.find_by_call_ids(connection, app, ["c"])["c"] == [make_cdr(5)]
        cdrs.add(connection, app, [make_cdr(6)])  # the connection still works


def test_text_in_a_number_cannot_reach_other_columns(database: Database, app: App) -> None:
    if database.is_sqlite:  # stores any text in any column
        return
    change = AgentSkillChange(
        id="1", account_id="100", sub_cc_no=1, vdn=8, agent_id='5","9', operate_time=NOW, operate_id=1, operate_type=1,
        skill_list="1",
    )  # fmt: skip
    with pytest.raises(DBAPIError), database.write_transaction() as connection:
        agent_operations.add_skill_changes(connection, app, [change])
