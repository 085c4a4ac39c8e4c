"""Worker hosts in network namespaces of their own: what a second brings, what losing one costs.

`network` makes hosts, `hub` runs what they share, `trial` loads, cuts and loses them:
`make load-hosts`.
"""
