"""Fixtures for the tests and for the examples in the docstrings."""

import gc
import os

# Before Keras is imported, for this process and for those that tests start.
if os.environ.get("KERAS_BACKEND") in ("jax", "tensorflow"):
    # Most of the time of JAX goes into compiling: little work on programs that
    # then are slow, but seldom run. TensorFlow has XLA multiply integers.
    _COMPILE_FAST = (
        "--xla_backend_optimization_level=0 "
        "--xla_llvm_disable_expensive_passes=true "
        "--xla_cpu_use_fusion_emitters=false "
        "--xla_cpu_parallel_codegen_split_count=1"
    )
    _FLAGS = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{_COMPILE_FAST} {_FLAGS}"

import keras
import numpy as np
import pytest

import keras_lt

if keras.config.backend() == "tensorflow":
    import tensorflow as tf

    # Before TensorFlow starts: two replicas need two devices.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )


@pytest.fixture(scope="module", autouse=True)
def frozen_objects():
    """Keeps the garbage collector from looking at what stays.

    Keras calls it for each weight that it quantizes. What is imported, and what
    a backend keeps of earlier tests, is a million objects, each looked at each
    time: a quarter of the time of the tests on TensorFlow.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def fixed_seed():
    """Starts every test and example from the same random numbers."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def example_names(doctest_namespace):
    """Names that an example may use without importing them."""
    doctest_namespace.update(keras=keras, keras_lt=keras_lt, np=np)
