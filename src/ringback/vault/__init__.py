"""Secrets at rest: the master keys of one process, and what they seal and open.

`sealing` is the only place that encrypts what is stored; `key_file` keeps the keys that the server made itself. Only
the roots that put the parts together import this package: a store is given a `Sealer` and knows no key.
"""
