"""The shared store: a PostgreSQL database. Its whole is `PostgresStore`; the parts are modules of their own."""
