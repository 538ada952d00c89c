"""Tables of many runs: what is run, how it is compared, and the pages."""
