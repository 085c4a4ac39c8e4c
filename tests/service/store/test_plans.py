"""How Postgres finds rows: what is asked for by its id is found by its id, however much waits."""

import asyncpg

from service.store import migrate
from service.store.database import sql

BY_ID = (
    "claim", "renew_leases", "record", "find_deliveries", "claim_deliveries", "defer_deliveries",
    "record_tries", "defer_dispatched",
)  # fmt: skip
OF_ALL_THAT_WAITS = (
    "processes_due", "processes_waiting", "processes_leased", "deliveries_due",
)  # fmt: skip


async def test_rows_named_by_id_are_not_looked_for_among_all_that_wait(database: str) -> None:
    await migrate(database)
    connection = await asyncpg.connect(database)
    # no statistics: to the planner little waits, as it does to one that looked at a quiet moment
    await connection.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
    for name in BY_ID:
        await connection.execute(f"PREPARE {name} AS {sql(name)}")
        parameters = (await connection.prepare(sql(name))).get_parameters()
        nulls = ", ".join(["NULL"] * len(parameters))
        plan = "\n".join(
            row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE {name}({nulls})")
        )
        assert "_pkey" in plan
        assert [index for index in OF_ALL_THAT_WAITS if index in plan] == [], name
    await connection.close()
