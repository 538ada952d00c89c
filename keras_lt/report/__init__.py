"""Reports that a reader can trust."""

__all__: list[str] = []
