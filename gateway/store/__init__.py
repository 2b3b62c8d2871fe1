"""The ledger, the blobs, the spool and the lanes."""
