"""`ringback doctor`: is this a good place for a server? A check a thing, each a line, none of which changes anything.

A composition root of its own, beside `compose`: it uses the very parts a server would use (the resolver, libcurl,
the database, the certificates), but no server, and it may run beside one. It takes no lock, opens the database to read
only, and waits for nothing longer than a few seconds.
"""
