"""Turns one image file into pixels of one size."""

from typing import Any

import numpy as np

MODES = {"rgb": "RGB", "grayscale": "L"}
OVERSAMPLING = 2
"""How much larger than needed a JPEG is decoded, so that resizing is smooth."""


def read_image(
    path: str, size: tuple[int, int], color: str = "rgb", crop: bool = False
) -> np.ndarray:
    """Decodes, turns upright, resizes: pixels of shape `(*size, channels)`.

    Large JPEGs are decoded at a fraction of their size, which is several times
    faster. Cameras store a photo as it was taken and note which side is up;
    the note is followed.

    Args:
        path: The file.
        size: Height and width of the result.
        color: `"rgb"` or `"grayscale"`.
        crop: Whether to cut off what does not fit `size`, or to stretch it.

    Raises:
        ValueError: If the file is missing or is not a whole image.
    """
    import_pillow()
    try:
        pixels = _decode(path, size, MODES[color], crop)
    except FileNotFoundError:
        raise ValueError(
            f"Every image must exist. Received: {path!r}, which does not. "
            "Check the folder that the paths are relative to."
        ) from None
    except Exception as error:  # Pillow raises a dozen kinds on broken files.
        raise ValueError(
            "Every file must hold a whole image that Pillow can read. "
            f"Received: {path!r}: {type(error).__name__}: {error}. Replace or "
            'remove the file, or pass `broken_images="skip"` where the split '
            "is made."
        ) from error
    return pixels if color == "rgb" else pixels[..., None]


def import_pillow() -> Any:
    """Returns the module that decodes images, or says how to install it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Reading image files needs Pillow. Install it with "
            '`pip install "keras-lt[datasets]"`.'
        ) from error
    return Image


def _decode(
    path: str, size: tuple[int, int], mode: str, crop: bool
) -> np.ndarray:
    from PIL import Image
    from PIL import ImageOps

    height, width = size
    with Image.open(path) as image:
        # The longer side counts for both, as the image may yet be turned.
        side = OVERSAMPLING * max(size)
        image.draft(mode, (side, side))
        ImageOps.exif_transpose(image, in_place=True)
        plain = _convert(image, mode)
    if crop:
        plain = ImageOps.fit(plain, (width, height), Image.Resampling.BILINEAR)
    elif plain.size != (width, height):
        plain = plain.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(plain)


def _convert(image: Any, mode: str) -> Any:
    if image.mode.startswith("I"):
        # Sixteen bits are scaled down; Pillow alone would cut them off.
        from PIL import Image

        deep = np.asarray(image).astype("uint32") >> 8
        image = Image.fromarray(deep.clip(0, 255).astype("uint8"))
    if image.mode == "P":
        image = image.convert("RGBA")  # Keeps the palette's transparency.
    return image.convert(mode)
