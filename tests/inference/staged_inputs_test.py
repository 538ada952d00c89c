"""Everything that `predict` takes gives the same answers, in the same order."""

import keras
import numpy as np
import pytest

from keras_lt.data import Batches
from keras_lt.samplers import InOrder
from tests.inference.staged_networks import dense_stages
from tests.inference.staged_networks import exit_logits
from tests.inference.staged_networks import predictor_of
from tests.inference.staged_networks import thresholds_between

X = 2 * np.random.default_rng(0).standard_normal((23, 4)).astype("float32")
LABELS = np.arange(23) % 5
PARTS = np.split(X, [3, 3, 10, 12])  # Of 3, 0, 7, 2 and 11 examples.


@pytest.fixture(scope="module")
def predictor():
    keras.utils.set_random_seed(0)
    stages, branches, _ = dense_stages()
    thresholds = thresholds_between(exit_logits(stages, branches, X), 0.6)
    return predictor_of(stages, branches, thresholds)


@pytest.fixture(scope="module")
def expected(predictor):
    return predictor.run(X, batch_size=23, verbose=0)


class InParts(keras.utils.PyDataset):
    def __len__(self):
        return len(PARTS)

    def __getitem__(self, index):
        return PARTS[index], LABELS[: len(PARTS[index])]


class Endless(InParts):
    @property
    def num_batches(self):
        return None


class LazyImages:
    """Gives rows when they are asked for, as files on a disk do."""

    shape = X.shape

    def __len__(self):
        return len(X)

    def __getitem__(self, rows):
        return X[rows]


def tf_data():
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((X, LABELS)).batch(7)


def data_loader():
    torch = pytest.importorskip("torch")
    pairs = torch.utils.data.TensorDataset(
        torch.tensor(X), torch.tensor(LABELS)
    )
    return torch.utils.data.DataLoader(pairs, batch_size=7)


def reused_memory():
    memory = np.empty((1, 4), "float32")
    for row in X:
        memory[0] = row
        yield memory


SOURCES = {
    "array": lambda: X,
    "float64": lambda: X.astype("float64"),
    "tensor": lambda: keras.ops.convert_to_tensor(X),
    "lazy images": LazyImages,
    "x": lambda: iter(PARTS),
    "(x,)": lambda: ((part,) for part in PARTS),
    "(x, y)": lambda: ((part, part[:, 0]) for part in PARTS),
    "[x, y]": lambda: ([part, part[:, 0]] for part in PARTS),
    "(x, y, w)": lambda: ((part, 0, np.ones(len(part))) for part in PARTS),
    "tensors": lambda: map(keras.ops.convert_to_tensor, PARTS),
    "memory that is used again": reused_memory,
    "PyDataset": InParts,
    "PyDataset with threads": lambda: InParts(workers=3, max_queue_size=2),
    "Batches": lambda: Batches((X, LABELS), 6, sampler=InOrder()),
    "tf.data": tf_data,
    "DataLoader": data_loader,
}


@pytest.mark.parametrize("kind", SOURCES)
def test_source(kind, predictor, expected):
    answer = predictor.run(SOURCES[kind](), batch_size=4, verbose=0)
    np.testing.assert_array_equal(answer.exits, expected.exits)
    np.testing.assert_allclose(answer.logits, expected.logits, 1e-5, 1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_whole_numbers_are_cast(dtype, predictor):
    x = (X > 0.5).astype(dtype)
    expected = predictor.run(x.astype("float32"), verbose=0)
    answer = predictor.run(x, verbose=0)
    np.testing.assert_allclose(answer.logits, expected.logits, 1e-5, 1e-5)


def test_whole_numbers_of_more_than_32_bits_are_refused(predictor):
    x = np.full(X.shape, 3 * 10**9)
    with pytest.raises(ValueError, match="into 32 bits.*3000000000"):
        predictor.run(x, verbose=0)


class Opened(InParts):
    """Has its parts between the start and the end of an epoch only."""

    is_open = False

    def on_epoch_begin(self):
        self.is_open = True

    def on_epoch_end(self):
        self.is_open = False

    def __getitem__(self, index):
        assert self.is_open
        return super().__getitem__(index)


def test_data_sets_are_told_of_the_epoch(predictor, expected):
    dataset = Opened()
    answer = predictor.run(dataset, verbose=0)
    np.testing.assert_array_equal(answer.exits, expected.exits)
    assert not dataset.is_open


@pytest.mark.parametrize("kind", ["array", "x", "PyDataset"])
def test_steps_end_the_reading(kind, predictor, expected):
    answer = predictor.run(SOURCES[kind](), batch_size=5, steps=2, verbose=0)
    count = 10 if kind == "array" else 3
    np.testing.assert_array_equal(answer.exits, expected.exits[:count])


def test_an_array_is_read_in_as_many_steps(predictor, expected):
    answer = predictor.run(X, steps=3, verbose=0)
    np.testing.assert_array_equal(answer.exits, expected.exits)


def test_an_endless_source_needs_steps(predictor):
    with pytest.raises(ValueError, match="`steps` must be given"):
        predictor.run(Endless(), verbose=0)
    answer = predictor.run(Endless(), steps=3, verbose=0)
    assert len(answer.exits) == 10


def test_only_a_few_batches_are_read_ahead(predictor):
    """Memory is bounded by the batch size, whatever the length."""
    read, answered = [0], []

    def batches():
        for _ in range(60):
            read[0] += 1
            yield X[:4]

    stages, branches, _ = dense_stages()
    counted = predictor_of(stages, branches, [1.0, 1.0])
    counted.run(X[:4], batch_size=4, verbose=0)
    compiled = counted._compiled

    def last(rows):
        answered.append(read[0])
        return compiled[2](rows)

    counted._compiled = [*compiled[:2], last]
    counted.run(batches(), batch_size=4, verbose=0)
    assert len(answered) == 60
    assert max(np.array(answered) - np.arange(60)) <= 3


BAD = {
    "an empty array": (X[:0], "must hold at least one example"),
    "a used generator": (iter(()), "must hold at least one example"),
    "a single example": (X[0], "Received: shape|batches of numbers"),
    "another shape": (X[:, :3], r"shape \(4,\). Received: .* shape \(3,\)"),
    "a list": (list(X), "Join images by `np.stack`"),
    "a number": (3, "iterable of batches"),
    "None": (None, "Received: NoneType"),
    "text": (np.array([["a"] * 4]), "must hold batches of numbers"),
    "mappings": (iter([{"x": X}]), "a dict of 1"),
    "pairs of pairs": (iter([((X, X), X)]), "a tuple of 2"),
    "mixed types": (
        iter([X[:2].astype("uint8"), X[:2]]),
        "float32 images of shape .* after uint8",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input(kind, predictor):
    x, message = BAD[kind]
    with pytest.raises(ValueError, match=message):
        predictor.run(x, verbose=0)


def test_a_single_image_needs_an_axis():
    stage = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.GlobalAveragePooling2D()]
    )
    branch = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
    predictor = predictor_of([stage], [branch], [])
    with pytest.raises(ValueError, match=r"`image\[None\]`"):
        predictor.run(np.zeros((4, 4, 1)), verbose=0)
    with pytest.raises(ValueError, match="Resize the images"):
        predictor.run(np.zeros((1, 5, 4, 1)), verbose=0)


@pytest.mark.parametrize("size", [4, None])
def test_grey_images_need_no_axis_for_their_channel(size):
    stage = keras.Sequential(
        [keras.Input((size, size, 1)), keras.layers.GlobalAveragePooling2D()]
    )
    branch = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
    predictor = predictor_of([stage], [branch], [])
    x = np.random.default_rng(0).standard_normal((3, 4, 4)).astype("float32")
    expected = predictor.run(x[..., None], verbose=0).logits
    np.testing.assert_array_equal(predictor.run(x, verbose=0).logits, expected)
    with pytest.raises(ValueError, match=r"`image\[None\]`"):
        predictor.run(x[0][..., None], verbose=0)


@pytest.mark.parametrize("batch_size", [0, -1, 1.5])
def test_batch_size_is_checked(batch_size, predictor):
    with pytest.raises(ValueError, match="`batch_size` must be a whole"):
        predictor.run(X, batch_size=batch_size, verbose=0)
