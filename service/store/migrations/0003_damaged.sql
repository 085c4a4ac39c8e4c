-- Whether a result is what could be read of a damaged image; null if it is whole.
ALTER TABLE jobs ADD COLUMN damaged boolean;
