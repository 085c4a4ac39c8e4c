"""What each part carries, and what many of them would: measured costs, and a simulation of plans.

`capacity` measures what a batch costs each part (`make capacity`), `network` simulates queues,
`plans` lays out installations for a rate and simulates them for docs/scaling.md (`make scaling`).
"""
