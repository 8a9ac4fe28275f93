"""The JSON API: what the console does, for programs with a token."""
