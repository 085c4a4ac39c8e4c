-- Named parts of jobs; what they stand for is put in their place at intake.
CREATE TABLE presets (
    service_id  bigint NOT NULL REFERENCES services ON DELETE CASCADE,
    name        text NOT NULL,
    definition  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service_id, name)
);

-- Hosts that sources may be fetched from; *.example.com means every host below example.com.
ALTER TABLE services ADD COLUMN source_hosts text[] NOT NULL DEFAULT '{}';
