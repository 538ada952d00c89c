"""Data: sources, splits, long-tailed profiles, batches and transforms."""

__all__: list[str] = []
