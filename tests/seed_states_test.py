"""States of random generators, told from other variables."""

import keras

from keras_lt.seed_states import is_seed_state


def test_states_of_generators_are_found():
    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.RandomContrast(0.5),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2),
            keras.layers.BatchNormalization(),
        ]
    )
    assert sum(map(is_seed_state, model.variables)) == 2
    assert not any(map(is_seed_state, model.trainable_variables))
    assert is_seed_state(model.layers[1].seed_generator.state)
