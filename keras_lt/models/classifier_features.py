"""What the classifiers of a model see."""

import keras

from keras_lt.graph import new_input
from keras_lt.models.early_exit_model import EarlyExitModel
from keras_lt.models.long_tail_model import LongTailModel


def classifier_features(model: LongTailModel | EarlyExitModel) -> keras.Model:
    """Returns a model from images to the features of each classifier."""
    if isinstance(model, LongTailModel):
        return model.feature_model()
    x = images = new_input(model.backbone)
    features = []
    for stage, branch in zip(model.stages, model.branches, strict=True):
        x = stage(x)
        if isinstance(x, dict):  # With the outputs of feature layers.
            x = x["out"]
        # A model each, as layers of two branches may have one name.
        maps = keras.Input(batch_shape=x.shape, dtype=x.dtype)
        features.append(
            keras.Model(maps, branch.features(maps), name=branch.name)(x)
        )
    return keras.Model(images, features)
