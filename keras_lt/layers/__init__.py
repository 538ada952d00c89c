"""Layers: classifiers and heads."""

__all__: list[str] = []
