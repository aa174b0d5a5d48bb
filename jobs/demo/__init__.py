"""What `magray demo` shows: a small conversation of our own, and questions about it."""
