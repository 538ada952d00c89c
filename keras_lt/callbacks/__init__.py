"""Callbacks: what changes while a model trains."""

__all__: list[str] = []
