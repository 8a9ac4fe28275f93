"""Letters: transactional mails, composed from templates and handed to a mail server."""
