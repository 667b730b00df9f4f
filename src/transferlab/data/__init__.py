"""From corpora and raw text to Documents, and from Documents to corpus files."""
