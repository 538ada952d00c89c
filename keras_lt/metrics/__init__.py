"""Metrics that look at rare classes."""

__all__: list[str] = []
