"""The coreference head, one file per step: mentions, antecedents, loss, clusters."""
