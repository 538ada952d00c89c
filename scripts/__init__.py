"""Command-line scripts: absl flags, and one call."""
