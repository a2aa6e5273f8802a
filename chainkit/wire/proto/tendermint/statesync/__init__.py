"""Generated message classes: ``make proto`` writes them; never edit by hand."""
