"""Programs that the delivery benchmark and the crash test start."""
