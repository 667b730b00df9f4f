"""What every run needs before it knows its task: identity, record, logging, instantiation."""
