"""What a running service does besides answering: jobs, backups, messages, its database."""
