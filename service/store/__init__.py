"""Records in Postgres, the source of truth. SQL is in `sql/`, the tables are in `migrations/`.

Knows nothing about HTTP, arq, storage or images.
"""

from service.store.administration import (
    CallbackRow,
    Cursor,
    ProcessFilter,
    Redelivered,
    SummaryRow,
    TokenRow,
)
from service.store.backlog import Backlog
from service.store.database import BLAMABLE, UNAVAILABLE, is_unavailable, time_limits
from service.store.deliveries import (
    Deliveries,
    Delivery,
    Due,
    NewDelivery,
    Outcome,
    PendingCallback,
    Try,
)
from service.store.jobs import JobResult, JobRow
from service.store.leases import Claim, End, Entry, Leases
from service.store.migrator import migrate, pending
from service.store.presets import PresetEntry, PresetRow
from service.store.processes import (
    Cancellation,
    DeliveryRow,
    MakeCallback,
    NewProcess,
    Processes,
    ProcessRow,
    Status,
    WaitingProcess,
)
from service.store.quarantine import Quarantine, QuarantinedSource
from service.store.services import Holder, Service, Services
from service.store.store import Store, open_store

__all__ = [
    "BLAMABLE",
    "UNAVAILABLE",
    "Backlog",
    "CallbackRow",
    "Cancellation",
    "Claim",
    "Cursor",
    "Deliveries",
    "Delivery",
    "DeliveryRow",
    "Due",
    "End",
    "Entry",
    "Holder",
    "JobResult",
    "JobRow",
    "Leases",
    "MakeCallback",
    "NewDelivery",
    "NewProcess",
    "Outcome",
    "PendingCallback",
    "PresetEntry",
    "PresetRow",
    "ProcessFilter",
    "ProcessRow",
    "Processes",
    "Quarantine",
    "QuarantinedSource",
    "Redelivered",
    "Service",
    "Services",
    "Status",
    "Store",
    "SummaryRow",
    "TokenRow",
    "Try",
    "WaitingProcess",
    "is_unavailable",
    "migrate",
    "open_store",
    "pending",
    "time_limits",
]
