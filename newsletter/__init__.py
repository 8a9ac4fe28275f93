"""How it gets done: settings, ports, adapters, use cases, wiring and the doors."""
