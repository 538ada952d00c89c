"""Memory is used again once nothing looks at it, and not before."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_lt.data import Batches
from keras_lt.data import ImageFiles
from keras_lt.data import transforms
from keras_lt.data._reused_arrays import ReusedArrays
from tests.checks import to_numpy

SHAPE = (2, 3)


def filled(arrays, value):
    array = arrays.empty(SHAPE, "float32")
    array[:] = value
    return array


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_that_nothing_looks_at_is_given_again():
    arrays = ReusedArrays(2)
    first = address(filled(arrays, 1))
    assert address(filled(arrays, 2)) == first


def test_memory_in_use_is_not_given_again():
    arrays = ReusedArrays(5)
    array = filled(arrays, 1)
    part = array[1:].reshape(-1)[::2]
    del array
    others = [filled(arrays, 2) for _ in range(8)]
    assert part.tolist() == [1, 1]
    assert len({address(other) for other in others}) == len(others)


def test_tensors_of_the_backend_keep_their_memory():
    arrays = ReusedArrays(2)
    tensor = keras.ops.convert_to_tensor(filled(arrays, 1))
    for value in range(2, 9):
        filled(arrays, value)
    assert to_numpy(tensor).tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize(
    ("shape", "dtype"), [((3, 2), "float32"), (SHAPE, "uint8")]
)
def test_another_shape_or_type_gets_an_array_of_its_own(shape, dtype):
    arrays = ReusedArrays(1)
    filled(arrays, 1)
    other = arrays.empty(shape, dtype)
    assert other.shape == shape
    assert other.dtype == dtype


def test_no_more_arrays_are_kept_than_allowed():
    arrays = ReusedArrays(1)
    kept = [filled(arrays, value) for value in range(3)]
    first, second = address(kept[0]), address(kept[1])
    del kept
    again = [filled(arrays, 1), filled(arrays, 2)]
    assert address(again[0]) == first
    assert len(arrays._arrays) == 1
    assert second != first


def test_batches_that_are_kept_stay_as_they_are(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), "uint8")
    names = [f"{row}.png" for row in range(len(pixels))]
    for name, image in zip(names, pixels, strict=True):
        Image.fromarray(image).save(tmp_path / name)
    files = ImageFiles(names, (8, 8), tmp_path)
    normalize = transforms.Normalize(0.0, 1.0, scale=1.0)
    batches = Batches((files, np.arange(24) % 2), 4, transform=normalize)
    kept = []
    for epoch in range(4):
        batches.set_epoch(epoch)
        kept.append([batches[index][0] for index in range(len(batches))])
    for epoch, images in enumerate(kept):
        expected = pixels[batches.rows(epoch)].astype("float32")
        np.testing.assert_array_equal(np.concatenate(images), expected)


def test_batches_use_memory_again(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    files = ImageFiles(["0.png"] * 40, (8, 8), tmp_path)
    batches = Batches((files, np.arange(40) % 2), 2, num_threads=1)
    owners = {id(batches[index][0].base) for index in range(len(batches))}
    assert id(None) not in owners
    assert len(owners) <= 7
