"""Tells the states of random generators from other variables."""

import functools

import keras


def is_seed_state(variable: keras.Variable) -> bool:
    """Whether a variable is the state of a `keras.random.SeedGenerator`."""
    return variable.name == _name_of_states()


@functools.cache
def _name_of_states() -> str:
    """Asks Keras, which may call them otherwise in another version."""
    return keras.random.SeedGenerator(0).state.name
