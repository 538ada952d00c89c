"""One module per part: `run(repeats, size=...)` gives rows of a table."""
