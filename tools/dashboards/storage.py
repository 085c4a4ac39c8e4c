"""The dashboard of what Darkroom needs: storages, Postgres, Redis."""

from tools.dashboards.model import Board, Panel, Query, Row, quantile, rate

OP, OP_STATUS, QUERY = "{{op}}", "{{op}} {{status}}", "{{query}}"
DURATION = "darkroom_storage_request_duration_seconds"
STATEMENT = "darkroom_db_query_duration_seconds"
REQUESTS = "darkroom_storage_requests_total"

STORAGE = Board(
    "darkroom-storage",
    "Storage and databases",
    "How storages, Postgres and Redis answer.",
    (
        Row(
            "Storages",
            (
                Panel(
                    "Storage requests, by operation",
                    "Requests a second.",
                    (Query(rate(REQUESTS, "op"), OP),),
                    "reqps",
                    stacked=True,
                ),
                Panel(
                    "Storage errors by code",
                    "Requests a second. source_not_found and source_too_large are a client's.",
                    (Query(rate(REQUESTS, "op", "status", where='status!="ok"'), OP_STATUS),),
                    "reqps",
                    stacked=True,
                ),
                Panel(
                    "Storage requests, 99th percentile",
                    "Duration, with the storage's own retries.",
                    (Query(quantile(0.99, DURATION, "op"), OP),),
                    "s",
                ),
            ),
        ),
        Row(
            "Postgres",
            (
                Panel(
                    "Postgres and Redis answer",
                    "1 if they answer the process, 0 if they do not.",
                    (
                        Query("darkroom_db_up", "Postgres, {{instance}}"),
                        Query("darkroom_redis_up", "Redis, {{instance}}"),
                    ),
                    most=1,
                ),
                Panel(
                    "Connections to Postgres",
                    "Of each pool, and how many there may be.",
                    (
                        Query("darkroom_db_pool_in_use", "in use, {{instance}} {{pool}}"),
                        Query("darkroom_db_pool_size", "most, {{instance}} {{pool}}"),
                    ),
                ),
                Panel(
                    "Wait for a connection",
                    "99th percentile of the wait for a connection of a pool.",
                    (Query(quantile(0.99, "darkroom_db_pool_wait_seconds", "pool"), "{{pool}}"),),
                    "s",
                ),
                Panel(
                    "Statements, 99th percentile",
                    "Duration by the name of the statement.",
                    (Query(quantile(0.99, STATEMENT, "query"), QUERY),),
                    "s",
                ),
                Panel(
                    "Statements",
                    "Statements a second, and those that ended with an error.",
                    (
                        Query(
                            rate("darkroom_db_query_duration_seconds_count", "query"), "{{query}}"
                        ),
                        Query(rate("darkroom_db_errors_total", "query"), "{{query}} failed"),
                    ),
                    "ops",
                ),
            ),
        ),
        Row(
            "Redis and background tasks",
            (
                Panel(
                    "Redis reconnects",
                    "Connections that were lost and made again.",
                    (Query(rate("darkroom_redis_reconnects_total", "instance"), "{{instance}}"),),
                    "ops",
                ),
                Panel(
                    "Background tasks that failed",
                    "Restarts a second, by task.",
                    (Query(rate("darkroom_task_restarts_total", "task"), "{{task}}"),),
                    "ops",
                ),
            ),
        ),
    ),
)
