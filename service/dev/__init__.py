"""`darkroom dev`: everything on one machine, and one real batch to see it work."""
