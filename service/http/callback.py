"""Makes the callback of a process that has ended."""

import msgspec
from msgspec import Struct

from service.http.answers import show_process
from service.ids import new_delivery_id
from service.store import NewDelivery, ProcessRow


class _CallbackOf(Struct):
    """The part of a recorded request that names its callback."""

    callback: str | None = None


_decoder = msgspec.json.Decoder(_CallbackOf)


def make_callback(
    row: ProcessRow, request: str, traceparent: str | None, request_id: str | None
) -> NewDelivery | None:
    """Make the callback of a process: its status, as a client would see it."""
    url = _decoder.decode(request).callback
    if url is None:
        return None
    return NewDelivery(
        id=new_delivery_id(),
        process_id=row.id,
        attempt=row.attempt,
        url=url,
        body=msgspec.json.encode(show_process(msgspec.structs.replace(row, deliveries=[]))),
        traceparent=traceparent,
        request_id=request_id,
    )
