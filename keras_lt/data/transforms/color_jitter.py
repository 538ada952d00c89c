"""Random brightness, contrast, saturation and hue."""

import numpy as np

from keras_lt.data.transforms._opencv import import_opencv
from keras_lt.data.transforms.transform import Transform
from keras_lt.validation import check_fraction
from keras_lt.validation import check_not_negative

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the grey of a pixel (ITU-R 601-2)."""

_CONTRAST, _SATURATION, _HUE = 1, 2, 3


class ColorJitter(Transform):
    """Changes the colours of each image at random, in a random order.

    Brightness, contrast and saturation are multiplied by a number that is
    drawn uniformly in `1 - strength` to `1 + strength`, from 0 up: contrast
    around the mean grey of the image, saturation around the grey of the pixel.
    Hue is turned by up to `hue` of the circle.

    The first three are linear in the pixels, so that they are done in one
    step, and what leaves 0 to 255 is cut off once, not after each of them.

    Args:
        brightness: Strength, 0 or greater.
        contrast: Strength, 0 or greater.
        saturation: Strength, 0 or greater.
        hue: From 0 to 0.5.
        probability: That an image is changed at all.

    Raises:
        ValueError: If a strength is out of range, or images are not uint8 of
            three channels.

    Example:

    >>> images, labels = np.full((2, 8, 8, 3), 99, "uint8"), np.array([0, 1])
    >>> jitter = keras_lt.data.transforms.ColorJitter(0.4, 0.4, 0.4)
    >>> jitter(images, labels, np.random.default_rng(0))[0].dtype
    dtype('uint8')

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217) train with 0.4,
      0.4, 0.4 and no hue on ImageNet-LT.
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
        probability: float = 1.0,
    ):
        self.brightness = check_not_negative("brightness", brightness)
        self.contrast = check_not_negative("contrast", contrast)
        self.saturation = check_not_negative("saturation", saturation)
        self.hue = _check_hue(hue)
        self.probability = check_fraction("probability", probability)

    def __call__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        generator: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        check_color_images("ColorJitter", images)
        count = len(images)
        strengths = [self.brightness, self.contrast, self.saturation, self.hue]
        changed = generator.random(count) < self.probability
        numbers = generator.uniform(-1, 1, (count, 4)) * strengths
        orders = generator.permuted(np.tile(np.arange(4), (count, 1)), axis=1)
        found = np.empty_like(images)
        for place, image in enumerate(images):
            if changed[place]:
                image = _jittered(
                    image, numbers[place].tolist(), orders[place].tolist()
                )
            found[place] = image
        return found, labels


def _check_hue(hue: float) -> float:
    if not 0 <= hue <= 0.5:
        raise ValueError(
            "`hue` must be at least 0 and at most 0.5, half of the circle. "
            f"Received: hue={hue}."
        )
    return hue


def check_color_images(name: str, images: np.ndarray) -> None:
    """Raises if images are not bytes of red, green and blue."""
    if images.dtype != np.uint8 or images.shape[-1] != 3:
        raise ValueError(
            f"`{name}` must get uint8 images of three channels. Received: "
            f"{images.dtype} of shape {images.shape}. Put it before "
            "`Normalize`."
        )


def _jittered(
    image: np.ndarray, numbers: list[float], order: list[int]
) -> np.ndarray:
    """Returns an image with the changes of one draw.

    Args:
        image: `(height, width, 3)`, uint8.
        numbers: Change of brightness, contrast, saturation and hue.
        order: In which these are done, as indices of `numbers`.
    """
    if not numbers[_HUE]:
        return _linear(image, numbers, order)
    turn = order.index(_HUE)
    image = _linear(image, numbers, order[:turn])
    image = _turned(image, numbers[_HUE])
    return _linear(image, numbers, order[turn + 1 :])


def _linear(
    image: np.ndarray, numbers: list[float], order: list[int]
) -> np.ndarray:
    """Returns `color * image + grey * (grey of its pixels) + shift`."""
    if not any(numbers[kind] for kind in order):
        return image
    cv2 = import_opencv()
    red, green, blue, _ = cv2.mean(image)
    mean = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    color, grey, shift = 1.0, 0.0, 0.0
    for kind in order:
        factor = max(0.0, 1 + numbers[kind])
        rest = 1 - factor
        if kind == _SATURATION:
            color, grey = factor * color, factor * grey + rest * (color + grey)
            continue
        around = 0.0
        if kind == _CONTRAST:
            around = rest * ((color + grey) * mean + shift)
        color, grey = factor * color, factor * grey
        shift = factor * shift + around
    greys = [grey * share for share in LUMA]
    rows = [[*greys, shift] for _ in LUMA]
    for channel, row in enumerate(rows):
        row[channel] += color
    return cv2.transform(image, np.array(rows))


def _turned(image: np.ndarray, hue: float) -> np.ndarray:
    cv2 = import_opencv()
    colors = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
    colors[..., 0] += np.uint8(round(256 * hue) % 256)
    return cv2.cvtColor(colors, cv2.COLOR_HSV2RGB_FULL)
