import keras
import pytest

from keras_lt.objectives import projection_dim
from tests.models.exit_models import image_backbone
from tests.models.small_models import small_backbone
from tests.objectives.distillation_models import linear_model
from tests.objectives.distillation_models import teachers


class Cache:
    feature_dims = [6, 2]
    num_classes = image_shape = None


@pytest.mark.parametrize(
    ("dims", "mode", "expected"),
    [
        ((6,), "auto", None),
        ((5,), "auto", 5),
        ((3, 3), "auto", 6),
        ((6, 6), "auto", 12),
        ((6,), "always", 6),
        ((6,), "distill_only", None),
        ((3, 5), "distill_only", None),
    ],
)
def test_width_of_a_student_with_6_features(dims, mode, expected):
    backbone = image_backbone()  # Its maps have 6 channels.
    found = projection_dim(teachers(dims), backbone, projection_mode=mode)
    assert found == expected


def test_a_backbone_that_ends_in_a_vector():
    (master,) = teachers((5,))
    assert projection_dim([master], linear_model(5, 1).backbone) is None
    assert projection_dim([master], linear_model(4, 1).backbone) == 5


def test_without_a_backbone_there_is_a_projection():
    assert projection_dim(teachers((5,))) == 5
    assert projection_dim([small_backbone()]) == 5


def test_of_a_cache():
    assert projection_dim(Cache()) == 8
    assert projection_dim(Cache(), image_backbone()) == 8


def test_bad_mode():
    with pytest.raises(ValueError, match="`projection_mode` must be one of"):
        projection_dim(teachers(), projection_mode="sometimes")


def test_no_teacher():
    inputs = keras.Input((3,))
    with pytest.raises(ValueError, match="must be named"):
        projection_dim([keras.Model(inputs, keras.layers.Dense(2)(inputs))])
