"""Files like those of ImageNet: photos of 500 x 375 pixels, about 110 kB."""

import pathlib

import numpy as np

HEIGHT, WIDTH = 375, 500
_QUALITY = 90


def write_photos(folder: pathlib.Path, count: int = 64) -> list[str]:
    """Writes so many JPEGs, and returns their names.

    The strength of detail falls with its frequency as in photos, so that it
    takes as many bytes and as long to decode.
    """
    from PIL import Image

    generator = np.random.default_rng(0)
    names = [f"{number:02}.jpg" for number in range(count)]
    for name in names:
        light, red, blue = (_noise(generator) for _ in range(3))
        colors = np.stack([light + 0.3 * red, light, light + 0.3 * blue], -1)
        pixels = np.clip(45 * colors + 120, 0, 255).astype("uint8")
        Image.fromarray(pixels).save(folder / name, quality=_QUALITY)
    return names


def _noise(generator: np.random.Generator) -> np.ndarray:
    down = np.fft.fftfreq(HEIGHT)[:, None]
    across = np.fft.rfftfreq(WIDTH)
    frequency = np.hypot(down, across)
    frequency[0, 0] = np.inf
    waves = generator.normal(size=(2, *frequency.shape)) / frequency
    noise = np.fft.irfft2(waves[0] + 1j * waves[1], (HEIGHT, WIDTH))
    return noise / noise.std()
