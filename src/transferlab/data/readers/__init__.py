"""One file per corpus format; each turns a split of a corpus into Documents."""
