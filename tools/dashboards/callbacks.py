"""The dashboard of callbacks."""

from tools.dashboards.model import Board, Panel, Query, Row, quantile, quantiles, rate

CALLBACKS = Board(
    "darkroom-callbacks",
    "Callbacks",
    "Whether the ends of processes reach the clients that asked to be told.",
    (
        Row(
            "Waiting",
            (
                Panel(
                    "Pending callbacks",
                    "Not yet delivered, in Postgres: the max of what each process counts.",
                    (Query("max(darkroom_callback_pending)", "pending"),),
                ),
                Panel(
                    "Oldest callback",
                    "Age of the oldest that is not delivered. One dead receiver keeps it high.",
                    (Query("max(darkroom_callback_oldest_age_seconds)", "oldest"),),
                    "s",
                ),
                Panel(
                    "Time to delivery",
                    "From the end of a process to the delivery of its callback.",
                    quantiles("darkroom_callback_lag_seconds"),
                    "s",
                ),
            ),
        ),
        Row(
            "Sending",
            (
                Panel(
                    "Tries by result",
                    "failed is tried again; gone (410) and exhausted are given up.",
                    (Query(rate("darkroom_callback_attempts_total", "result"), "{{result}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Duration of a try",
                    "From the connection to the answer's headers.",
                    (
                        Query(
                            quantile(
                                0.95, "darkroom_stage_duration_seconds", where='stage="callback"'
                            ),
                            "p95",
                        ),
                    ),
                    "s",
                ),
                Panel(
                    "Being sent",
                    "Of DARKROOM_CALLBACK_CONCURRENCY for each worker.",
                    (Query("darkroom_callbacks_sending", "{{instance}}"),),
                    stacked=True,
                ),
                Panel(
                    "Put off without a try",
                    "circuit_open: no answer lately; queue_full: too many of one service.",
                    (Query(rate("darkroom_callback_deferred_total", "reason"), "{{reason}}"),),
                    "ops",
                ),
                Panel(
                    "Receivers left alone",
                    "Receivers, each of one service, that did not answer several times in a row.",
                    (Query("darkroom_callback_circuits_open", "{{instance}}"),),
                ),
            ),
        ),
    ),
)
