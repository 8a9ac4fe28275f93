"""Who hears it and what became of it: people, consent, suppression, messages, deliveries. Pure."""
