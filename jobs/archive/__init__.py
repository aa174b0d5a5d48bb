"""The archive: memories that left their layer, in Parquet files in a store of objects."""
