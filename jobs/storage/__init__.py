"""Objects in a local folder, S3, GCS or Azure, all through obstore.

opening.py  a URL or a folder becomes obstore's store: retries, credentials, what is durable
store.py    for the archive: asynchronous, every object read back and compared
tier.py     for backups: synchronous, for threads that stream; cold tiers that need hydration
"""
