"""What can go wrong with the store."""


class StoreError(Exception):
    """The store cannot do what was asked; the message says what would do."""
