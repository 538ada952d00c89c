"""Registers classes, so that `.keras` files find them again."""

import keras

serializable = keras.saving.register_keras_serializable(package="keras_lt")
