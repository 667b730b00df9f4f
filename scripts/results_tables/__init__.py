"""The tables of the results pages, one function each, from the records in ``results/data``."""
