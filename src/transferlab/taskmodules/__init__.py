"""Encode documents, collate batches, decode outputs: one file per task family."""
