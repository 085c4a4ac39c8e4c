"""The dashboard of rendering: children, memory, images."""

from tools.dashboards.model import Board, Panel, Query, Row, quantile, quantiles, rate

LOOKUPS = "darkroom_cache_lookups_total"
HIT = 'result="hit"'

ENGINE = Board(
    "darkroom-engine",
    "Engine",
    "Rendering children: what they do, what they need, and why they end.",
    (
        Row(
            "Slots",
            (
                Panel(
                    "Slots",
                    "All, those that render, and those that wait. The rest is being restarted.",
                    (
                        Query("sum(darkroom_worker_slots)", "all"),
                        Query("sum(darkroom_worker_slots_busy)", "busy"),
                        Query("sum(darkroom_worker_slots_free)", "free"),
                    ),
                ),
                Panel(
                    "Works waiting for a slot",
                    "Claimed and fetched, but no child is free.",
                    (Query("darkroom_slot_waiting", "{{instance}}"),),
                    stacked=True,
                ),
                Panel(
                    "Slow works",
                    "Predicted to take longer than DARKROOM_SLOW_SECONDS, or found to. Those that "
                    "wait hold no slot.",
                    (
                        Query("sum(darkroom_slow_rendering)", "rendered"),
                        Query("sum(darkroom_slow_waiting)", "waiting"),
                    ),
                    stacked=True,
                ),
                Panel(
                    "Wait for a slot",
                    "Of works that were given to a child.",
                    quantiles("darkroom_slot_wait_seconds"),
                    "s",
                ),
            ),
        ),
        Row(
            "Children",
            (
                Panel(
                    "Children that ended, by reason",
                    "Ends a second. out_of_memory: an allocation failed, or the kernel killed it.",
                    (Query(rate("darkroom_child_exits_total", "reason"), "{{reason}}"),),
                    "ops",
                    stacked=True,
                ),
                Panel(
                    "Peak memory of children",
                    "All that is resident at the peak of a work. The limit is "
                    "DARKROOM_CHILD_MEMORY_BYTES.",
                    quantiles("darkroom_child_peak_memory_bytes"),
                    "bytes",
                ),
                Panel(
                    "Memory used against predicted",
                    "For batches of 3 megapixels or more. Above 1 the upper bound is wrong.",
                    quantiles("darkroom_render_memory_ratio"),
                    "percentunit",
                ),
                Panel(
                    "Memory predicted and used",
                    "95th percentiles, for the same batches.",
                    (
                        Query(
                            quantile(0.95, "darkroom_render_memory_predicted_bytes"), "predicted"
                        ),
                        Query(quantile(0.95, "darkroom_render_memory_used_bytes"), "used"),
                    ),
                    "bytes",
                ),
                Panel(
                    "Time used against predicted",
                    "For batches of 0.1 s or more. Above 1 on the whole, this machine is slower "
                    "than what predictions were measured on.",
                    quantiles("darkroom_render_time_ratio"),
                    "percentunit",
                ),
                Panel(
                    "Time predicted and used",
                    "95th percentiles, for the same batches.",
                    (
                        Query(quantile(0.95, "darkroom_render_predicted_seconds"), "predicted"),
                        Query(quantile(0.95, "darkroom_render_used_seconds"), "used"),
                    ),
                    "s",
                ),
                Panel(
                    "Jobs quarantined",
                    "Jobs a second that were given up because they kill children or workers.",
                    (Query(rate("darkroom_quarantined_total"), "jobs"),),
                    "ops",
                ),
                Panel(
                    "Protections",
                    "1 for each that is in force in all children.",
                    (Query("min by (protection) (darkroom_sandbox_protection)", "{{protection}}"),),
                    most=1,
                ),
            ),
        ),
        Row(
            "Images",
            (
                Panel(
                    "Pixels decoded, by format",
                    "Pixels a second.",
                    (Query(rate("darkroom_source_pixels_total", "format"), "{{format}}"),),
                    stacked=True,
                ),
                Panel(
                    "Bytes read and written, by format",
                    "Bytes a second.",
                    (
                        Query(rate("darkroom_source_bytes_total", "format"), "{{format}} read"),
                        Query(rate("darkroom_output_bytes_total", "format"), "{{format}} written"),
                    ),
                    "Bps",
                ),
                Panel(
                    "Results of one decode",
                    "On average. 1: nothing is shared.",
                    (
                        Query(
                            f"{rate('darkroom_outputs_per_decode_sum')} / "
                            f"{rate('darkroom_outputs_per_decode_count')}",
                            "results",
                        ),
                    ),
                ),
                Panel(
                    "Decode passes, by format",
                    "Passes over sources a second.",
                    (Query(rate("darkroom_decode_passes_total", "format"), "{{format}}"),),
                    "ops",
                ),
                Panel(
                    "Limits exceeded",
                    "Requests and images a second, by the setting.",
                    (Query(rate("darkroom_limits_rejected_total", "limit"), "{{limit}}"),),
                    "ops",
                ),
                Panel(
                    "Hit rates of caches",
                    "Plans that a child had made before, tokens that an API had looked up before.",
                    (
                        Query(
                            f"{rate(LOOKUPS, 'cache', where=HIT)} / {rate(LOOKUPS, 'cache')}",
                            "{{cache}}",
                        ),
                    ),
                    "percentunit",
                    most=1,
                ),
            ),
        ),
    ),
)
