"""The service around the engine: HTTP, records, queue, storage, callbacks."""
