"""Objectives: terms on features that are added to the loss."""

__all__: list[str] = []
