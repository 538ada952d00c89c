"""Training in stages, and going on after a crash."""
