"""Samplers: which rows an epoch visits, and in which order."""

__all__: list[str] = []
