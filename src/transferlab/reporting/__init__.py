"""Views for people: score tables, training curves, error analyses and the coloured coreference page."""
