"""Trains one model on one device, on four, and in two processes."""

import json
import sys

import keras
import numpy as np

import keras_lt
from keras_lt import data
from keras_lt import losses
from keras_lt import metrics
from keras_lt import models
from keras_lt import objectives
from keras_lt import samplers

COUNTS = [60, 40, 30, 20, 15, 10, 8, 6, 5, 3]
DIM = 8
SAVING = ["less kept", "mixed_bfloat16", "mixed_float16"]


def examples():
    """Returns 197 examples of ten classes, a number that is a prime."""
    generator = np.random.default_rng(0)
    y = np.repeat(np.arange(10), COUNTS)
    x = generator.standard_normal((len(y), 6)) + 0.2 * y[:, None]
    return x.astype("float32"), y


def network():
    x = images = keras.Input((6,))
    for k in (1, 2):
        x = keras.layers.Dense(DIM)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Activation("relu", name=f"stage_{k}")(x)
    return keras.Model(images, x)


def sgd(**kwargs):
    return keras.optimizers.SGD(0.05, momentum=0.9, **kwargs)


def student(policy="float32", optimizer=None, **settings):
    """Returns a model with exits, robust features and a teacher."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    teacher = models.LongTailModel(network(), 10)
    settings = {"classifier": "cosine", "threshold": 0.6, **settings}
    model = keras_lt.EarlyExitModel(network(), ["stage_1"], 10, **settings)
    keras.config.set_dtype_policy("float32")
    measured = {
        "metrics": ["accuracy", metrics.GroupAccuracy(COUNTS)],
        "weighted_metrics": ["accuracy"],
    }
    model.compile(
        optimizer or sgd(),
        loss=losses.LDAM(COUNTS),
        **(measured if policy == "float32" else {}),
        objectives=[
            objectives.Robustness(COUNTS),
            objectives.FeatureDistillation([teacher]),
        ],
    )
    model.class_weights.assign(np.linspace(0.5, 2.0, 10))
    return model


class Steps(keras.callbacks.Callback):
    """Notes the mean loss after each step."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))


def train(model, batches, **kwargs):
    """Returns what a training of 21 steps logs."""
    steps = Steps()
    kwargs["callbacks"] = [*kwargs.get("callbacks", []), steps]
    history = model.fit(batches, epochs=3, verbose=0, **kwargs)
    return {"steps": steps.losses, **history.history}


def class_balanced(batch_size, **kwargs):
    sampler = samplers.ClassBalanced()
    return data.Batches(examples(), batch_size, sampler, seed=1, **kwargs)


def in_order(batch_size):
    return data.Batches(examples(), batch_size, samplers.InOrder())


def outcome():
    """Returns all that must not depend on the number of devices.

    The sizes are such that few shapes are compiled: 32, and 5 for the rest.
    """
    (x, y), model = examples(), student()
    found = train(model, class_balanced(32), validation_data=(x[:37], y[:37]))
    weights = np.linspace(0.0, 1.0, len(y))
    answer = model.predict_with_exits(x[:101], verbose=0)
    found.update(
        of_arrays=model.evaluate(
            x[64:], y[64:], sample_weight=weights[64:], verbose=0
        ),
        of_batches=model.evaluate(in_order(32), verbose=0),
        logits=answer.logits,
        exits=answer.exits,
        all_logits=model.exit_logits(x[:37], verbose=0),
        on_batch=model.train_on_batch(x[:5], y[:5]),
        tested=model.test_on_batch(x[-5:], y[-5:], weights[-5:]),
    )
    history = model.fit(x, y, validation_split=0.16, verbose=0)
    found["shuffled"] = [*history.history.values()]
    try:
        model.fit(in_order(32), validation_split=0.1, verbose=0)
    except ValueError as error:
        found["refused"] = float("`validation_split` is only" in str(error))
    found["centroids"] = as_array(model.objectives[0].centroids)
    found["class_weights"] = as_array(model.class_weights)
    return found


class LowerScale(keras.callbacks.Callback):
    """Notes the loss scales after the first epoch, and lowers them.

    Near the border, what is rounded would decide whether a step overflows.
    """

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            scale = self.model.optimizer.dynamic_scale
            parts = scale.value.addressable_shards
            self.scales = [float(part.data) for part in parts]
            scale.assign(2.0**8)


def in_float16(**settings):
    """Returns what a training logs of which the first epoch overflows."""
    optimizer = keras.optimizers.LossScaleOptimizer(
        sgd(), initial_scale=2.0**22
    )
    model, lower = student(optimizer=optimizer, **settings), LowerScale()
    found = train(model, class_balanced(32), callbacks=[lower])
    found["scales"] = lower.scales
    found["updates"] = int(as_array(model.optimizer.iterations))
    return found


def less_memory(kind):
    """Returns what a training logs that saves memory."""
    # What is rounded must not decide who leaves where.
    rounded = {"policy": kind, "training_threshold": 1.0}
    if kind == "mixed_float16":
        return in_float16(**rounded)
    if kind == "mixed_bfloat16":
        model = student(**rounded)
    else:
        accumulating = sgd(gradient_accumulation_steps=2)
        model = student(optimizer=accumulating, rematerialize=["stage_1"])
    return train(model, class_balanced(32))


def as_array(variable):
    return keras.ops.convert_to_numpy(variable)


def split_over_four(by):
    """Returns a mesh of two by two devices, and layouts of a classifier."""
    mesh = keras.distribution.DeviceMesh((2, 2), ("batch", "model"))
    # The features divide where the classes do not.
    classes = {"classes": 10, "features": 11}[by]
    layout = models.classifier_layout(mesh, classes, DIM)
    return keras.distribution.ModelParallel(
        layout_map=layout, auto_shard_dataset=False
    )


def layouts(model):
    """Returns how variables are split over the axis of models, by path."""
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    found = {v.path: list(v.value.sharding.spec) for v in variables}
    return {path: axes for path, axes in found.items() if "model" in axes}


def in_one_process():
    results = {"one": outcome()}
    results["saving"] = {kind: [less_memory(kind)] for kind in SAVING}
    with keras.distribution.DataParallel().scope():
        results["data"] = outcome()
        for kind, found in results["saving"].items():
            found.append(less_memory(kind))
    with split_over_four("classes").scope():
        results["classes"] = outcome()
        results["split_classes"] = layouts(student())
    with split_over_four("features").scope():
        model, (x, y) = student(), examples()
        results["split_features"] = layouts(model)
        results["first_step"] = model.train_on_batch(x[:32], y[:32])
    results["first_step_of_one"] = student().train_on_batch(x[:32], y[:32])
    return results


class Joined(keras.utils.PyDataset):
    """Joins the batches of all shards to those of one process."""

    def __init__(self, shards):
        super().__init__(workers=1)
        self.shards = shards

    def __len__(self):
        return len(self.shards[0])

    def __getitem__(self, index):
        parts = [shard[index] for shard in self.shards]
        return tuple(
            np.concatenate(arrays) for arrays in zip(*parts, strict=True)
        )

    def set_epoch(self, epoch):
        for shard in self.shards:
            shard.set_epoch(epoch)

    def callback(self):
        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self.set_epoch(epoch)
        )


def alone():
    """Returns what one device makes of the shards of two processes."""
    batches = Joined([class_balanced(17, shard=(i, 2)) for i in range(2)])
    model, (x, _) = student(), examples()
    found = train(
        model,
        batches,
        validation_data=in_order(50),
        callbacks=[batches.callback()],
        shuffle=False,
    )
    found["evaluated"] = model.evaluate(in_order(50), verbose=0)
    found["logits"] = model.predict(x, verbose=0)
    found["all_logits"] = model.exit_logits(x, verbose=0)
    return found


def message(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ValueError as error:
        return str(error)
    return "no error"


def in_two_processes(address, process):
    keras.distribution.initialize(address, 2, process)
    one_device = alone() if process == 0 else None
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(distribution)
    model, (x, y) = student(), examples()
    found = train(model, class_balanced(17), validation_data=in_order(25))
    found["evaluated"] = model.evaluate(in_order(25), verbose=0)
    # Each process has other images, and not as many.
    own = x[90 * process :]
    found["logits"] = model.predict(own, verbose=0)
    found["all_logits"] = model.exit_logits(own, verbose=0)
    device_batches = data.DeviceBatches(
        (np.zeros((40, 6, 1, 1), "uint8"), y[:40]), 20
    )
    return {
        "alone": one_device,
        "together": found,
        "shard": class_balanced(17).shard,
        "centroids": as_array(model.objectives[0].centroids),
        "other_sizes": message(model.fit, x[: 30 + process], y[: 30 + process]),
        "other_shard": message(model.fit, class_balanced(17, shard=(0, 1))),
        "device_batches": message(model.fit, device_batches),
    }


def main(arguments):
    if arguments:
        results = in_two_processes(arguments[0], int(arguments[1]))
    else:
        results = in_one_process()
    text = json.dumps(results, default=lambda one: np.asarray(one).tolist())
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
