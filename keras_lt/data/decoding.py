"""Turns one encoded image into pixels of one size."""

import errno
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_lt.data.transforms._opencv import import_opencv
from keras_lt.data.transforms.crop import Box
from keras_lt.data.transforms.crop import resized_part

MODES = {"rgb": "RGB", "grayscale": "L"}
OVERSAMPLING = 2
"""How much larger than needed a JPEG is decoded, so that resizing is smooth."""

SCALES = (8, 4, 2)
"""Fractions at which the decoder of JPEG can leave out detail."""

SIDE_UP = 0x0112
"""Where cameras note which side of a photo is up, in EXIF."""

TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What turns a photo upright, by that note, in the words of Pillow."""

OF_THE_MACHINE = (
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ESTALE,
    errno.ETIMEDOUT,
)
"""Errors of the operating system that say nothing about a file."""

Cut = Callable[[int, int], Box]
"""Gives the part of an image of a height and a width that is kept."""


def read_image(
    encoded: str | bytes,
    size: tuple[int, int],
    color: str = "rgb",
    crop: bool = False,
    cut: Cut | None = None,
    name: str | None = None,
) -> np.ndarray:
    """Decodes, turns upright, resizes: pixels of shape `(*size, channels)`.

    Large JPEGs are decoded at a fraction of their size, which is faster.
    Cameras store a photo as it was taken and note which side is up; the note
    is followed.

    Args:
        encoded: Path of a file, or its content.
        size: Height and width of the result.
        color: `"rgb"` or `"grayscale"`.
        crop: Whether to cut off what does not fit `size`, or to stretch it.
        cut: Instead, says which part of the image is kept.
        name: What the image is called in messages; by default its path.

    Raises:
        ValueError: If the file is missing or is not a whole image.
    """
    import_pillow()
    name = repr(encoded) if name is None else name
    mode = MODES[color]
    try:
        if cut is None:
            pixels = _whole(encoded, size, mode, crop)
        else:
            pixels = _part(encoded, size, mode, cut)
    except FileNotFoundError:
        raise ValueError(
            f"Every image must exist. Received: {name}, which does not. "
            "Check the folder that the paths are relative to, or pass "
            '`broken_images="replace"` to `Batches` to go on without it.'
        ) from None
    except Exception as error:  # Pillow raises a dozen kinds on broken files.
        if is_of_the_machine(error):
            error.add_note(f"While reading {name}.")
            raise
        raise ValueError(
            "Every file must hold a whole image that Pillow can read. "
            f"Received: {name}: {type(error).__name__}: {error}. Replace or "
            'remove the file, or pass `broken_images="skip"` where the split '
            'is made, or `broken_images="replace"` to `Batches`.'
        ) from error
    return pixels if pixels.ndim == 3 else pixels[..., None]


def is_of_the_machine(error: Exception) -> bool:
    """Tells what is no fault of the image, and would befall any other."""
    failed = getattr(error, "errno", None) in OF_THE_MACHINE
    return failed or isinstance(error, ImportError | MemoryError)


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


def _open(encoded: str | bytes) -> Any:
    from PIL import Image

    if isinstance(encoded, bytes):
        return Image.open(io.BytesIO(encoded))
    return Image.open(encoded)


def _whole(
    encoded: str | bytes, size: tuple[int, int], mode: str, crop: bool
) -> np.ndarray:
    from PIL import Image
    from PIL import ImageOps

    height, width = size
    with _open(encoded) as image:
        # The longer side counts for both, as the image may yet be turned.
        side = OVERSAMPLING * max(size)
        image.draft(mode, (side, side))
        plain = _upright(image, mode)
    if crop:
        plain = ImageOps.fit(plain, (width, height), Image.Resampling.BILINEAR)
    elif plain.size != (width, height):
        plain = plain.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(plain)


def _part(
    encoded: str | bytes, size: tuple[int, int], mode: str, cut: Cut
) -> np.ndarray:
    with _open(encoded) as image:
        if image.format == "TIFF":
            image.load()  # Turns it, and takes its note away.
        full = image.size
        turned = image.getexif().get(SIDE_UP, 1) > 4
        width, height = full[::-1] if turned else full
        box = cut(height, width)
        for scale in SCALES:
            if min(box[2] // size[0], box[3] // size[1]) >= scale:
                image.draft(mode, (full[0] // scale, full[1] // scale))
                break
        plain = _upright(image, mode)
    if plain.size != (width, height):
        box = _scaled(box, plain.height / height, plain.width / width)
    top, left, box_height, box_width = box
    # Only the part becomes an array: the whole would be copied.
    part = plain.crop((left, top, left + box_width, top + box_height))
    # Pillow keeps colours in four bytes, and takes long to leave one out.
    stored = part.tobytes("raw", "RGBX" if mode == "RGB" else mode)
    pixels = np.frombuffer(stored, "uint8").reshape(box_height, box_width, -1)
    resized = resized_part(pixels, (0, 0, box_height, box_width), size)
    if mode != "RGB":
        return resized
    cv2 = import_opencv()
    return cv2.cvtColor(resized, cv2.COLOR_RGBA2RGB)


def _scaled(box: Box, height: float, width: float) -> Box:
    """Returns a part in an image of another height and width, as factors."""
    top, left = round(box[0] * height), round(box[1] * width)
    bottom = round((box[0] + box[2]) * height)
    right = round((box[1] + box[3]) * width)
    return top, left, max(1, bottom - top), max(1, right - left)


def _upright(image: Any, mode: str) -> Any:
    from PIL import Image

    image.load()
    turn = TURNS.get(image.getexif().get(SIDE_UP))
    # What has the mode already would be copied.
    plain = image if image.mode == mode else _convert(image, mode)
    return plain if turn is None else plain.transpose(Image.Transpose[turn])


def _convert(image: Any, mode: str) -> Any:
    if image.mode == "F" or image.mode.startswith("I"):
        image = _in_bytes(image)
    if image.mode == "P":
        image = image.convert("RGBA")  # Keeps the palette's transparency.
    return image.convert(mode)


def _in_bytes(image: Any) -> Any:
    """Scales sixteen bits down; Pillow alone would cut them off."""
    from PIL import Image

    deep = np.asarray(image)
    # Pillow gives 32 bits for PNG and PGM too, which hold 16 at most.
    wide = image.mode == "F" or (image.mode, image.format) == ("I", "TIFF")
    if wide or deep.min() < 0 or deep.max() >= 2**16:
        raise ValueError(
            "Pixels must be whole numbers of 8 or 16 bits, from 0 on. "
            f"Received: {deep.dtype} from {deep.min()} to {deep.max()}. Store "
            "the image as 8 or 16 bits."
        )
    return Image.fromarray((deep >> 8).astype("uint8"))
