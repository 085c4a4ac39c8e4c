"""Priorities as they are recorded: processes of 1 go before those of 0, and these before -1."""

from engine.schema import Priority

NUMBERS = {Priority.LOW: -1, Priority.NORMAL: 0, Priority.HIGH: 1}
NAMES = {number: priority.value for priority, number in NUMBERS.items()}
HIGHEST = max(NAMES)
