"""One module per part: `run(repeats)` gives rows of a table."""
