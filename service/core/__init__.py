"""What stands below everything: settings, errors, the database and its calls, embeddings.

Imports nothing of `jobs` and nothing of the rest of `service`.
"""
