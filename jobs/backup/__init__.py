"""Backups, and restores that are proved.

    archive_wal.py  the program PostgreSQL runs for each finished WAL segment
    archiving.py    puts that program where the server's user can run it, and watches the backlog
    wal.py          archived WAL: names, contiguity, reading and proving it
    crypto.py       encryption of objects
    catalogue.py    the manifests beside the backups: all there is to know about them
    packs.py        a backup's bytes as compressed, encrypted objects
    content.py      what lies in a backup, against PostgreSQL's own manifest
    chain.py        pure rules: which kind, which chain, which instants can be restored
    take.py         takes a backup
    watching.py     checks the stream as it passes, ends a run that stands still
    folders.py      names and removes the folders of backups
    plan.py         chooses what a restore needs, or refuses
    restore.py      restores
    instance.py     a restored cluster while it recovers and is checked
    verify.py       reads everything again
    prune.py        what may go
    drill.py        restores the newest chain to prove it
    stream.py       WAL to the second by pg_receivewal
    locks.py        one backup at a time; a restore holds what it reads

A backup is a folder `backups/<id>/` of one tier: packs, PostgreSQL's manifest, and last of all
`manifest.json`; without that last file it is no backup. WAL lies in `wal/<system>/<timeline>/`.
"""
