"""The dashboard to look at first: requests, work, resources."""

from tools.dashboards.model import (
    OURS,
    PROBES,
    WINDOW,
    Board,
    Panel,
    Query,
    Row,
    quantiles,
    rate,
    share,
)

REQUESTS = "darkroom_http_requests_total"
FAILED = f'{PROBES},status=~"5.."'

OVERVIEW = Board(
    "darkroom-overview",
    "Overview",
    "Are clients served, is work done, and what is short? Docs: docs/runbooks/README.md",
    (
        Row(
            "Requests: rate, errors, duration",
            (
                Panel(
                    "Requests by status",
                    "HTTP requests a second, without probes and scrapes.",
                    (Query(rate(REQUESTS, "status", where=PROBES), "{{status}}"),),
                    "reqps",
                    stacked=True,
                ),
                Panel(
                    "Share of requests that fail",
                    "Answers of 5xx. The objective is 0.1 % over 30 days.",
                    (
                        Query(
                            share(rate(REQUESTS, where=FAILED), rate(REQUESTS, where=PROBES)), "now"
                        ),
                        Query("darkroom:requests:error_ratio_rate1h", "last hour"),
                        Query("darkroom:requests:error_ratio_rate3d", "last three days"),
                    ),
                    "percentunit",
                ),
                Panel(
                    "Time to answer",
                    "Of POST /request: the process is on disk by then.",
                    quantiles(
                        "darkroom_http_request_duration_seconds", 'method="POST",route="/request"'
                    ),
                    "s",
                ),
            ),
        ),
        Row(
            "Work: rate, errors, delay",
            (
                Panel(
                    "Accepted and ended",
                    "Processes a second. Accepted above ended for long: the queue grows.",
                    (
                        Query(rate("darkroom_processes_accepted_total"), "accepted"),
                        Query(rate("darkroom_processes_completed_total", "outcome"), "{{outcome}}"),
                    ),
                    "ops",
                ),
                Panel(
                    "Waiting and running",
                    "Processes in Postgres: the max of what every API and worker counts.",
                    (Query("max by (state) (darkroom_queue_depth)", "{{state}}"),),
                ),
                Panel(
                    "Oldest process",
                    "Time since the oldest queued and the oldest running process were queued.",
                    (Query("max by (state) (darkroom_queue_oldest_age_seconds)", "{{state}}"),),
                    "s",
                ),
                Panel(
                    "Jobs that fail, by code",
                    "Jobs a second. docs/api.md#errors says what a code means.",
                    (
                        Query(
                            rate("darkroom_jobs_total", "error_code", where='outcome="FAILED"'),
                            "{{error_code}}",
                        ),
                    ),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Slow starts",
                    "Share of processes that waited for more than a minute. The objective is 1 %.",
                    (
                        Query("darkroom:queue_wait:slow_ratio_rate5m", "last five minutes"),
                        Query("darkroom:queue_wait:slow_ratio_rate1h", "last hour"),
                    ),
                    "percentunit",
                ),
            ),
        ),
        Row(
            "Resources: utilisation, saturation, errors",
            (
                Panel(
                    "Workers",
                    "Workers and APIs that are scraped.",
                    (
                        Query("count(darkroom_worker_slots)", "workers"),
                        Query(
                            'count(darkroom_processes_accepted_total{priority="normal"})', "APIs"
                        ),
                    ),
                ),
                Panel(
                    "Oldest heartbeat",
                    "Time since each worker last renewed its leases; it should every ten seconds.",
                    (
                        Query(
                            "time() - darkroom_worker_heartbeat_timestamp_seconds", "{{instance}}"
                        ),
                    ),
                    "s",
                ),
                Panel(
                    "Busy slots",
                    "Share of rendering children that render.",
                    (Query("sum(darkroom_worker_slots_busy) / sum(darkroom_worker_slots)", "all"),),
                    "percentunit",
                    most=1,
                ),
                Panel(
                    "Processor time of APIs and workers",
                    "Cores, without the rendering children. Near 1: this process is saturated.",
                    (
                        Query(
                            f"rate(process_cpu_seconds_total[{WINDOW}]) {OURS}",
                            "{{job}} {{instance}}",
                        ),
                    ),
                ),
                Panel(
                    "Memory of APIs and workers",
                    "Resident, without the rendering children.",
                    (Query(f"process_resident_memory_bytes {OURS}", "{{job}} {{instance}}"),),
                    "bytes",
                ),
            ),
        ),
        Row(
            "Changes",
            (
                Panel(
                    "Versions",
                    "How many processes run which version.",
                    (
                        Query(
                            "count by (version, libvips) (darkroom_build_info)",
                            "{{version}}, libvips {{libvips}}",
                        ),
                    ),
                    stacked=True,
                ),
                Panel(
                    "Starts",
                    "How often each process was started again within an hour.",
                    (
                        Query(
                            f"changes(process_start_time_seconds[1h]) {OURS}",
                            "{{job}} {{instance}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
