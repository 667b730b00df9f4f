"""From the OntoNotes 5.0 release, or its CoNLL-2012 forms, to the three files that training reads."""
