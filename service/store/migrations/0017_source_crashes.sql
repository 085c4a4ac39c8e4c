-- Sources that have killed rendering children of which nothing else could be made, by service.
CREATE TABLE source_crashes (
    service_id  bigint NOT NULL REFERENCES services ON DELETE CASCADE,
    sha256      text NOT NULL,
    size        bigint NOT NULL,
    crashes     integer NOT NULL,
    last_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service_id, sha256)
);
CREATE INDEX source_crashes_last ON source_crashes (last_at);
