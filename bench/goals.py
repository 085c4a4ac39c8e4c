"""The goals of the engine, as multiples of the limit's CPU time and beside its rivals."""

from typing import Any, NamedTuple

from bench.children import DARKROOM, LIMIT

Results = dict[str, Any]

LIMITS = {
    "W1": 1.15, "W2": 1.7, "W3": 1.8, "W4": 3.0, "W5": 1.4, "W6": 6.0, "W7": 3.0, "W8": 1.5,
    "W9": 4.0, "W10": 2.2, "W11": 3.5,
}  # fmt: skip
BEFORE_SHARP = {
    "W1": 1.1, "W2": 3.0, "W3": 2.8, "W4": 4.0, "W5": 1.0, "W6": 10.0, "W7": 1.5,
    "W9": 2.5, "W10": 2.0, "W11": 1.3,
}  # fmt: skip
FIDELITY = {"W1": 40.0, "W3": 40.0, "W6": 45.0, "W8": 40.0, "W9": 40.0, "W10": 40.0, "W11": 40.0}


class Goal(NamedTuple):
    """A goal, what was measured, and whether that will do."""

    name: str
    wanted: str
    measured: str
    met: bool


def judge(results: Results) -> list[Goal]:
    """Judge a run by the goals that it has figures for."""
    workloads = results["workloads"]
    goals: list[Goal] = []
    for name, measured in workloads.items():
        goals += _of_workload(name, measured)
    if "W3" in workloads and "W8" in workloads:
        three, eight = (workloads[name][DARKROOM]["cpu_ratio"] for name in ("W3", "W8"))
        goals.append(at_most("W8 ÷ W3, cpu × limit", 1.25, eight / three))
    return goals


def at_most(name: str, wanted: float, measured: float) -> Goal:
    """Judge what should be small."""
    return Goal(name, f"≤ {wanted:g}", f"{measured:.2f}", measured <= wanted)


def at_least(name: str, wanted: float, measured: float, unit: str = "") -> Goal:
    """Judge what should be large."""
    return Goal(name, f"≥ {wanted:g}{unit}", f"{measured:.2f}{unit}", measured >= wanted)


def _of_workload(name: str, measured: dict[str, Any]) -> list[Goal]:
    ours = measured[DARKROOM]
    goals = [at_most(f"{name}: decode passes", 1, ours["decode_passes"])]
    if name in LIMITS:
        goals.append(at_most(f"{name}: cpu × {LIMIT}", LIMITS[name], ours["cpu_ratio"]))
    if name in FIDELITY:
        goals.append(at_least(f"{name}: fidelity", FIDELITY[name], ours["psnr_db"], " dB"))
    if sharp := measured.get("sharp"):
        goals += _beside_sharp(name, ours, sharp)
    simd = measured.get("pillow-simd")
    if simd and name in {"W3", "W8"}:
        quotient = simd["cpu_ratio"] / ours["cpu_ratio"]
        goals.append(at_least(f"{name}: Pillow-SIMD's cpu ÷ ours", 1, quotient))
    return goals


def _beside_sharp(name: str, ours: dict[str, Any], sharp: dict[str, Any]) -> list[Goal]:
    quotient = sharp["cpu_ratio"] / ours["cpu_ratio"]
    memory = ours["peak_rss_mb"] / sharp["peak_rss_mb"]
    goals = [at_most(f"{name}: our peak memory ÷ sharp's", 1, memory)]
    if name in BEFORE_SHARP:
        goals.append(at_least(f"{name}: sharp's cpu ÷ ours", BEFORE_SHARP[name], quotient))
    if name == "W5":
        goals.append(at_most("W5: our file ÷ sharp's", 1, ours["bytes"] / sharp["bytes"]))
    return goals
