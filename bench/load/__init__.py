"""The whole service under load: `make load`.

`arrivals` decides when batches are sent, `caller` sends them and hears of their ends, `steps` runs
one step after the other on an installation, `figures` and `report` make numbers, tables and a
drawing of what was noted.
"""
