"""A model whose class weights a training may change for a while."""

from typing import Any

import keras

from keras_lt.models.lasting_weights import LastingWeights


class ReweightedModel(keras.Model):
    """Keeps the class weights of an epoch out of files, and files out of it."""

    lasting_weights: LastingWeights

    def save_own_variables(self, store: Any) -> None:
        with self.lasting_weights.in_place():
            super().save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        with self.lasting_weights.in_place():
            super().load_own_variables(store)

    def get_state_tree(self, *args: Any, **kwargs: Any) -> Any:
        with self.lasting_weights.in_place():
            return super().get_state_tree(*args, **kwargs)
