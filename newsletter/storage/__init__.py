"""The store: values in, values out; rows never leave this room. SQLite by default, PostgreSQL by its URL."""
