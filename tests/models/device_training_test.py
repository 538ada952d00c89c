"""Training on `DeviceBatches` is training on `Batches`."""

import gc
import importlib
import types
import weakref

import keras
import numpy as np
import pytest

from keras_lt import callbacks
from keras_lt import losses
from keras_lt import samplers
from keras_lt.data import Batches
from keras_lt.data import BatchExtra
from keras_lt.data import DeviceBatches
from keras_lt.data import transforms
from keras_lt.models.device_images import DeviceImages
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import Objective
from keras_lt.objectives import Robustness
from tests.checks import to_numpy
from tests.models.exit_models import image_model
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.models.small_models import small_model

N = 24
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (N, 6, 6, 3), dtype="uint8")
LABELS = (np.arange(N) % CLASSES).astype("int32")
HELD_OUT = RNG.normal(size=(8, 6, 6, 3)).astype("float32"), LABELS[:8]
MIXED = transforms.Compose([transforms.cifar(), transforms.Mixup(CLASSES)])
KINDS = (Batches, DeviceBatches)


def batches_of(kind, images=IMAGES, **options):
    options = {
        "batch_size": 8,
        "transform": transforms.cifar(),
        "seed": 3,
        **options,
    }
    return kind((images, LABELS), **options)


def compiled(model, **options):
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        losses.BalancedSoftmax(COUNTS),
        metrics=["accuracy"],
        **options,
    )
    return model


def fitted(kind, make_model=small_model, objectives=tuple, fit=None, **options):
    """Returns a trained model and its history, the same for any `kind`."""
    keras.utils.set_random_seed(0)
    model = compiled(make_model(), objectives=objectives())
    batches = batches_of(kind, **options)
    fit = {"epochs": 2, "verbose": 0, **(fit or {})}
    return model, model.fit(batches, **fit).history


def assert_equal(model, other):
    assert len(model.variables) == len(other.variables)
    for one, two in zip(model.variables, other.variables, strict=True):
        if "seed_generator" not in one.path:
            np.testing.assert_allclose(
                to_numpy(one), to_numpy(two), 1e-5, 1e-5, err_msg=one.path
            )


def assert_same_training(**options):
    (model, history), (other, logs) = (fitted(k, **options) for k in KINDS)
    assert_equal(model, other)
    assert list(logs) == list(history)
    for name, values in history.items():
        np.testing.assert_allclose(logs[name], values, rtol=1e-4, atol=1e-5)
    return other


def teachers():
    return [small_model()]


def robust_and_distilled():
    return [
        Robustness(COUNTS),
        FeatureDistillation(teachers(), projection_mode="distill_only"),
    ]


def test_images_of_a_step():
    # The last batch is not full.
    assert_same_training(batch_size=9, fit={"validation_data": HELD_OUT})


def test_mixed_images_and_early_exits():
    assert_same_training(make_model=image_model, transform=MIXED)


def test_class_weights_and_a_sampler():
    options = {
        "class_weight": {0: 1.0, 1: 2.0, 2: 0.5, 3: 1.0},
        "callbacks": [callbacks.DeferredReweighting(COUNTS, start_epoch=1)],
    }
    assert_same_training(
        fit=options,
        sampler=samplers.ClassBalanced(),
        num_classes=CLASSES,
        one_hot=keras.config.backend() == "jax",
    )


def test_objectives_and_teachers():
    def make_model():
        return image_model(training_threshold=0.3)

    assert_same_training(make_model=make_model, objectives=robust_and_distilled)


class Target(BatchExtra):
    """The mean of each image, as the network gets it."""

    def for_batch(self, epoch, positions, rows, images):
        return images.mean(axis=(1, 2, 3), dtype="float32")


class SameImages(Objective):
    """The distance of the images that it sees from those of the host."""

    def call(self, features, labels, *, x=None, y=None, outputs=None):
        means = keras.ops.mean(keras.ops.cast(x, "float32"), axis=(1, 2, 3))
        return keras.ops.abs(means - y["target"])


# A byte more or less, of 51 a unit, at most in one of a hundred pixels.
@pytest.mark.parametrize(
    ("transform", "atol"), [(MIXED, 1e-5), (transforms.cifar("strong"), 2e-4)]
)
def test_objectives_see_the_images_of_the_network(transform, atol):
    _, history = fitted(
        DeviceBatches,
        objectives=lambda: [SameImages(base_weight=0.0)],
        extras={"target": Target()},
        transform=transform,
    )
    assert max(history["loss"]) < atol


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_sees_whole_numbers(policy):
    """Neither rows, nor shares, nor pixels pass through half precision."""
    keras.config.set_dtype_policy(policy)
    try:
        images = RNG.normal(size=IMAGES.shape).astype("float32")
        keras.utils.set_random_seed(0)
        model = small_model()
        model.compile(
            keras.optimizers.SGD(0.01),
            losses.BalancedSoftmax(COUNTS),
            objectives=[SameImages(base_weight=0.0)],
        )
        batches = batches_of(
            DeviceBatches,
            images,
            transform=transforms.Mixup(CLASSES),
            extras={"target": Target()},
        )
        history = model.fit(batches, epochs=2, verbose=0).history
    finally:
        keras.config.set_dtype_policy("float32")
    assert max(history["loss"]) < 1e-6


def test_fits_in_a_row_and_compiled_anew():
    models = []
    brighter = transforms.Normalize(0.1, 0.5)
    for kind in KINDS:
        model, _ = fitted(kind)
        # Of the same shapes, so that a step kept from before would run.
        model.fit(batches_of(kind, 255 - IMAGES), verbose=0)
        model.fit(batches_of(kind, transform=brighter), verbose=0)
        model.fit(batches_of(Batches), verbose=0)
        compiled(model, objectives=[Robustness(COUNTS, name="robust")])
        model.fit(batches_of(kind, seed=4), verbose=0)
        models.append(model)
    assert_equal(*models)
    logits = [one.predict(HELD_OUT[0], verbose=0) for one in models]
    np.testing.assert_allclose(*logits, atol=1e-4)
    evaluated = [
        one.evaluate(batches_of(kind), verbose=0)
        for one, kind in zip(models, KINDS, strict=True)
    ]
    np.testing.assert_allclose(*evaluated, rtol=1e-4)


@pytest.mark.skipif(
    keras.config.backend() == "torch", reason="Keras refuses it on torch"
)
def test_several_steps_per_execution():
    models = []
    for kind in KINDS:
        keras.utils.set_random_seed(0)
        model = compiled(small_model(), steps_per_execution=2)
        model.fit(batches_of(kind), epochs=2, verbose=0)
        models.append(model)
    assert_equal(*models)


class Watch(keras.callbacks.Callback):
    """Saves while the model trains, and fails if it is told to."""

    def __init__(self, folder=None):
        super().__init__()
        self.folder = folder
        self.held = []

    def on_epoch_end(self, epoch, logs=None):
        self.held = [one.path for one in self.model.device_images.variables]
        self.constants = len(self.model.constants)
        self.own = len(self.model.own_variables)
        if self.folder is None:
            raise RuntimeError("stop")
        self.model.save(self.folder / "model.keras")
        self.model.save_weights(self.folder / "model.weights.h5")
        self.model.load_weights(self.folder / "model.weights.h5")


def test_images_are_on_the_device_in_fit_only(tmp_path):
    watch = Watch(tmp_path)
    images = np.repeat(IMAGES, 200, axis=0)  # 518 kB that hardly shrink.
    keras.utils.set_random_seed(0)
    model = compiled(small_model())
    before = [one.path for one in model.variables]
    batches = DeviceBatches((images, np.repeat(LABELS, 200)), batch_size=2400)
    model.fit(batches, verbose=0, callbacks=[watch])
    assert len(watch.held) == watch.constants == 1
    assert watch.own == len(model.own_variables)
    assert [one.path for one in model.variables][: len(before)] == before
    assert model.device_images.variables == model.constants == []
    for file in tmp_path.iterdir():
        assert file.stat().st_size < 200_000, file
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    other = compiled(small_model())
    other.load_weights(tmp_path / "model.weights.h5")
    expected = model.predict(HELD_OUT[0], verbose=0)
    for one in (loaded, other):
        found = one.predict(HELD_OUT[0], verbose=0)
        np.testing.assert_allclose(found, expected, atol=1e-5)


class Outcomes(keras.callbacks.Callback):
    """Asks what exits answer while the model trains."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.exit_outcomes(*HELD_OUT, [3] * CLASSES, verbose=0)
        table = self.model.device_images.variables[0]
        self.table = weakref.ref(table)
        if keras.config.backend() == "torch":  # Others keep no second name.
            self.table = weakref.ref(table.value)


def test_what_is_compiled_in_fit_lets_go_of_the_images():
    outcomes = Outcomes()
    fit = {"epochs": 1, "callbacks": [outcomes]}
    model, _ = fitted(DeviceBatches, image_model, fit=fit)
    gc.collect()
    assert outcomes.table() is None, model


def test_best_weights_are_put_back():
    stopping = keras.callbacks.EarlyStopping(
        "loss", patience=0, restore_best_weights=True, mode="max"
    )
    model, _ = fitted(DeviceBatches, fit={"epochs": 4, "callbacks": [stopping]})
    assert model.device_images.variables == []


def test_a_fit_that_fails_leaves_nothing_behind():
    model = compiled(small_model())
    with pytest.raises(RuntimeError, match="stop"):
        model.fit(batches_of(DeviceBatches), verbose=0, callbacks=[Watch()])
    assert model.device_images.variables == []
    assert model.train_function is None


def test_draws_without_their_images_raise():
    model = compiled(small_model())
    x, _ = batches_of(DeviceBatches).drawn()[0]
    with pytest.raises(ValueError, match="must go through `fit`"):
        model.predict(x, verbose=0)


def test_plain_models_get_images():
    weights = []
    for kind in KINDS:
        keras.utils.set_random_seed(0)
        model = small_model().as_functional()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.05), loss=loss)
        batches = batches_of(kind)
        model.fit(
            batches, callbacks=[batches.callback()], shuffle=False, verbose=0
        )
        weights.append(model)
    assert_equal(*weights)


def test_processes_of_tensorflow_are_refused():
    extended = types.SimpleNamespace(worker_devices=["one of two"])
    strategy = types.SimpleNamespace(num_replicas_in_sync=2, extended=extended)
    held = DeviceImages().holding(batches_of(DeviceBatches), strategy)
    with pytest.raises(ValueError, match="in one process"), held:
        pass


@pytest.mark.skipif(
    keras.config.backend() != "jax", reason="no steps bound to devices"
)
def test_evaluation_before_and_after_on_a_mesh():
    """Steps are compiled for where each variable is, images among them."""
    parallel = keras.distribution.DataParallel(
        devices=["cpu:0"], auto_shard_dataset=False
    )
    with parallel.scope():
        model = compiled(small_model())
        first = model.evaluate(*HELD_OUT, verbose=0, return_dict=True)
        model.fit(batches_of(Batches), verbose=0)
        batches = batches_of(DeviceBatches)
        history = model.fit(batches, validation_data=HELD_OUT, verbose=0)
        last = model.evaluate(*HELD_OUT, verbose=0, return_dict=True)
        assert len(model.predict(HELD_OUT[0], verbose=0)) == len(HELD_OUT[0])
    assert last["loss"] == pytest.approx(history.history["val_loss"][0])
    assert last["loss"] != first["loss"]


@pytest.mark.skipif(
    keras.config.backend() != "jax", reason="asks JAX what it keeps"
)
def test_averages_let_go_of_the_images():
    jax = importlib.import_module("jax")
    keras.utils.set_random_seed(0)
    model = small_model()
    optimizer = keras.optimizers.SGD(0.05, use_ema=True)
    model.compile(optimizer, losses.BalancedSoftmax(COUNTS))
    batches = batches_of(DeviceBatches)
    averages = callbacks.AverageWeights(batches)
    model.fit(batches, verbose=0, callbacks=[averages])
    gc.collect()
    kept = [one for one in jax.live_arrays() if one.shape == IMAGES.shape]
    assert not [one for one in kept if one.dtype == "uint8"]
