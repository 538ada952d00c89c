"""What is raised when images of a batch cannot be read."""

from collections.abc import Mapping


class BrokenImagesError(ValueError):
    """Says which of the images that were asked for cannot be read, and why.

    Args:
        messages: What is wrong, by the place among the rows asked for.

    Example:

    >>> from keras_lt import data
    >>> images = data.ImageFiles(["gone.jpg"], image_size=(8, 8))
    >>> try:
    ...     images[[0]]
    ... except data.BrokenImagesError as error:
    ...     print(list(error.messages))
    [0]
    """

    def __init__(self, messages: Mapping[int, str]):
        self.messages = dict(messages)
        text = next(iter(self.messages.values()))
        if len(self.messages) > 1:
            text += f" ({len(self.messages) - 1} more in the same batch.)"
        super().__init__(text)
