"""Models: a backbone, its features and a classifier."""

__all__: list[str] = []
