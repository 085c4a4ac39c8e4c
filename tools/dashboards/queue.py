"""The dashboard of the queue, and of the time that each stage takes."""

from tools.dashboards.model import Board, Panel, Query, Row, quantile, quantiles, rate

STAGE = "darkroom_stage_duration_seconds"

QUEUE = Board(
    "darkroom-queue",
    "Queue",
    "What waits, for how long, and where the time of a process goes.",
    (
        Row(
            "Waiting",
            (
                Panel(
                    "Wait before a claim",
                    "99th percentile of the time from queueing to the claim by a worker.",
                    (
                        Query(
                            quantile(0.99, "darkroom_queue_wait_seconds", "priority"),
                            "{{priority}}",
                        ),
                    ),
                    "s",
                ),
                Panel(
                    "From queueing to end",
                    "Waiting and working together, with what was tried again.",
                    quantiles("darkroom_process_duration_seconds"),
                    "s",
                ),
                Panel(
                    "In hand",
                    "Processes that each worker is working on, and its slots.",
                    (
                        Query("darkroom_jobs_in_flight", "in hand, {{instance}}"),
                        Query("darkroom_worker_slots", "slots, {{instance}}"),
                    ),
                ),
            ),
        ),
        Row(
            "Stages",
            (
                Panel(
                    "Time by stage",
                    "95th percentile. A callback is sent after the end, beside other work.",
                    (Query(quantile(0.95, STAGE, "stage"), "{{stage}}"),),
                    "s",
                ),
                Panel(
                    "Share of time by stage",
                    "Seconds a second: how many are busy with each stage at a time, on average.",
                    (Query(rate(f"{STAGE}_sum", "stage"), "{{stage}}"),),
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Recovery",
            (
                Panel(
                    "Dispatched again",
                    "By the reconciler. Above 0 with a short queue: Redis loses what it is told.",
                    (
                        Query(rate("darkroom_reconciled_total", "reason"), "{{reason}}"),
                        Query(rate("darkroom_queue_garbage_total"), "dropped, no dispatch"),
                    ),
                    "ops",
                ),
                Panel(
                    "Leases lost",
                    "Leases that expired, and writes that came after that and changed nothing.",
                    (
                        Query(rate("darkroom_leases_expired_total"), "expired"),
                        Query(rate("darkroom_fenced_writes_total"), "rejected writes"),
                    ),
                    "ops",
                ),
            ),
        ),
        Row(
            "Services (needs DARKROOM_METRICS_SERVICES)",
            (
                Panel(
                    "Accepted by service",
                    "Processes a second; `other` are those beyond the number that is set.",
                    (
                        Query(
                            rate("darkroom_service_processes_accepted_total", "service_id"),
                            "{{service_id}}",
                        ),
                    ),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Waiting by service",
                    "Queued processes of those with the most.",
                    (
                        Query(
                            "max by (service_id) (darkroom_service_queue_depth)", "{{service_id}}"
                        ),
                    ),
                    stacked=True,
                ),
                Panel(
                    "Render seconds by service",
                    "Seconds a second: how many children work for each service, on average.",
                    (
                        Query(
                            rate("darkroom_service_render_seconds_total", "service_id"),
                            "{{service_id}}",
                        ),
                    ),
                    stacked=True,
                ),
            ),
        ),
    ),
)
