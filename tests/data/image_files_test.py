import pickle
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from keras_lt import data
from keras_lt.data import transforms
from tests.data.image_folder import write_image


def exif_of(side_up):
    exif = Image.Exif()
    exif[0x0112] = side_up
    return exif


@pytest.fixture
def images(tmp_path):
    for row in range(6):
        write_image(tmp_path / f"{row}.png", value=10 * row)
    return data.ImageFiles([f"{row}.png" for row in range(6)], (4, 8), tmp_path)


def test_shape_without_reading():
    files = data.ImageFiles(["missing"] * 3, (4, 8), color="grayscale")
    assert len(files) == 3
    assert files.shape == (3, 4, 8, 1)


@pytest.mark.parametrize(
    "rows, expected",
    [
        (np.array([3, 0, 3]), [30, 0, 30]),
        ([5, -1], [50, 50]),
        (slice(1, 6, 2), [10, 30, 50]),
        (np.array([], dtype=int), []),
    ],
)
def test_rows_are_read_in_their_order(images, rows, expected):
    batch = images[rows]
    assert batch.shape == (len(expected), 4, 8, 3)
    assert batch.dtype == np.uint8
    assert batch[:, 2, 3, 1].tolist() == expected


def test_single_row(images):
    assert images[2].shape == (4, 8, 3)
    assert images[2].max() == 20
    with pytest.raises(IndexError):
        images[6]


def test_take_and_pickle(images):
    part = pickle.loads(pickle.dumps(images.take([4, 1])))
    assert part.shape == (2, 4, 8, 3)
    assert part[:][:, 0, 0, 0].tolist() == [40, 10]
    assert len(images) == 6


def test_part_of_a_kind_of_ones_own_is_of_that_kind(images):
    class Elsewhere(data.ImageFiles):
        def encoded(self, row):
            return f"{self.root}/{5 - int(self.paths[row][0])}.png"

    part = Elsewhere(images.paths, (4, 8), images.root).take([4, 1])
    assert part[:][:, 0, 0, 0].tolist() == [10, 40]


def test_grayscale(tmp_path):
    pixels = np.zeros((4, 4, 3), "uint8")
    pixels[..., 0] = 200
    Image.fromarray(pixels).save(tmp_path / "red.png")
    grey = data.ImageFiles([tmp_path / "red.png"], (4, 4), color="grayscale")
    # The weight of red in luminance, by ITU-R 601-2.
    np.testing.assert_allclose(grey[0], np.full((4, 4, 1), 200 * 0.299), atol=1)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_other_modes_become_rgb(tmp_path, mode):
    suffix = "jpg" if mode == "CMYK" else "png"
    pixels = np.full((8, 8, 3), 255, "uint8")
    Image.fromarray(pixels).convert(mode).save(tmp_path / f"a.{suffix}")
    batch = data.ImageFiles([f"a.{suffix}"], (4, 4), tmp_path)[:]
    assert batch.shape == (1, 4, 4, 3)
    assert batch.min() >= 254


@pytest.mark.parametrize("suffix", ["png", "pgm", "tif"])
def test_sixteen_bits_are_scaled(tmp_path, suffix):
    deep = Image.fromarray(np.full((8, 8), 40_000, "uint16"))
    deep.save(tmp_path / f"a.{suffix}")
    batch = data.ImageFiles([f"a.{suffix}"], (4, 4), tmp_path)[:]
    assert np.unique(batch).tolist() == [40_000 // 256]


@pytest.mark.parametrize("value, dtype", [(0.5, "float32"), (7, "int32")])
def test_images_of_unknown_range_are_refused(tmp_path, value, dtype):
    Image.fromarray(np.full((8, 8), value, dtype)).save(tmp_path / "a.tif")
    files = data.ImageFiles(["a.tif"], (4, 4), tmp_path)
    message = f"a.tif.*8 or 16 bits.*Received: {dtype} from {value} to"
    with pytest.raises(ValueError, match=message):
        files[0]


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("side_up", range(1, 9))
def test_photo_is_turned_upright(tmp_path, side_up, suffix):
    upright = np.arange(96, dtype="uint8").reshape(4, 8, 3)
    turned_back = {
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }
    stored = Image.fromarray(turned_back.get(side_up, upright))
    stored.save(tmp_path / f"a.{suffix}", exif=exif_of(side_up))
    files = data.ImageFiles([f"a.{suffix}"], (4, 8), tmp_path)
    np.testing.assert_array_equal(files[0], upright)
    whole = files.read(np.array([0]), transforms.CenterCrop(1.0))
    np.testing.assert_array_equal(whole[0], upright)


def test_photo_whose_other_notes_are_odd_is_read(tmp_path):
    notes = struct.pack(">2sHLH", b"MM", 42, 8, 2)
    # The kind of compression is a number in most photos, and text here.
    notes += struct.pack(">HHL4s", 0x0103, 2, 4, b"six")
    notes += struct.pack(">HHLHxxL", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0" + notes
    pixels = np.arange(2, dtype="uint8").repeat(64).reshape(16, 8) * 255
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif)
    image = data.ImageFiles(["a.jpg"], (8, 16), tmp_path)[0]
    assert image[:, :7].min() > 250 and image[:, 9:].max() < 5


def test_crop_keeps_the_aspect_ratio(tmp_path):
    pixels = np.zeros((10, 30, 3), "uint8")
    pixels[:, 10:20] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    stretched, cropped = (
        data.ImageFiles(["a.png"], (10, 10), tmp_path, crop_to_aspect_ratio=c)
        for c in (False, True)
    )
    assert cropped[0].min() == 255
    assert stretched[0].min() == 0


def test_large_jpeg_is_close_to_plain_decoding(tmp_path):
    blocks = np.random.RandomState(0).randint(0, 256, (32, 32, 1), "uint8")
    pixels = blocks.repeat(8, 0).repeat(8, 1).repeat(3, 2)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95)
    found = data.ImageFiles(["a.jpg"], (32, 32), tmp_path)[0]
    whole = Image.open(tmp_path / "a.jpg").convert("RGB")
    expected = np.asarray(whole.resize((32, 32), Image.Resampling.BILINEAR))
    difference = np.abs(found.astype(float) - expected)
    assert difference.mean() < 3
    assert expected.std() > 40


def test_missing_file_is_named(tmp_path):
    files = data.ImageFiles(["gone.png"], (4, 4), tmp_path)
    with pytest.raises(ValueError, match="must exist. Received: .*gone.png"):
        files[np.array([0])]


@pytest.mark.parametrize("kind", ["text", "cut"])
def test_broken_image_is_named(tmp_path, images, kind):
    path = tmp_path / "3.png"
    noise = np.random.RandomState(0).randint(0, 255, (64, 64, 3))
    Image.fromarray(noise.astype("uint8")).save(path)
    whole = path.read_bytes()
    path.write_bytes(b"hello" if kind == "text" else whole[:3000])
    with pytest.raises(
        ValueError, match="whole image.*3.png.*remove the file, or pass `broken"
    ):
        images[:]
    assert list(images.broken()) == [3]
    assert "3.png" in images.broken()[3]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"image_size": 4}, "must be height and width. Received: image_size=4"),
        ({"image_size": (4, 0)}, "`image_size` must be a whole number"),
        ({"color": "hsv"}, "must be one of 'rgb', 'grayscale'"),
        ({"num_threads": 0}, "`num_threads` must be a whole number"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.ImageFiles(["a.png"], **({"image_size": (4, 4)} | arguments))


def test_masks_and_numbers_name_the_same_files(images):
    mask = np.arange(len(images)) % 3 == 1
    expected = images[np.flatnonzero(mask)]
    assert len(expected) == mask.sum() > 1
    np.testing.assert_array_equal(images[mask], expected)
    np.testing.assert_array_equal(images.read(mask), expected)
    np.testing.assert_array_equal(images.take(mask)[:], expected)
    assert images[[]].shape == (0, *images.shape[1:])


def test_rows_that_are_no_numbers_are_refused(images):
    for rows in (1.9, [0.0, 1.9], [True, False]):
        with pytest.raises(ValueError, match="`rows` must be whole numbers"):
            images[rows]


def test_without_pillow(monkeypatch, images):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"needs Pillow.*keras-lt\[datasets"):
        images[0]
