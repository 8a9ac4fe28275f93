"""What hands messages to the world: SMTP, a folder, providers; and the journal of what is just leaving."""
