"""The console: where staff approve, compose, schedule, watch and read results."""
