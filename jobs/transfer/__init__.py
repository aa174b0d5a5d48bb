"""Memories in and out of files: readers of other formats, the import and the export."""
