"""Losses on logits that serve long-tailed data."""

__all__: list[str] = []
