"""One short file for each job; wiring only."""
