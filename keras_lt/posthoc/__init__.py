"""What helps after training, without training again."""

__all__: list[str] = []
