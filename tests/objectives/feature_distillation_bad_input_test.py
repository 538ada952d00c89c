"""What distillation refuses, and what the message says."""

import pytest

from keras_lt.objectives import FeatureDistillation
from tests.objectives.distillation_models import crossentropy
from tests.objectives.distillation_models import student
from tests.objectives.distillation_models import teachers


def test_features_of_another_size_are_refused():
    model = student(7)
    with pytest.raises(
        ValueError,
        match=r"together, 8. Received: 7 features for teachers with \[3, 5\]. "
        "Make the model with `projection_dim",
    ):
        model.compile(
            "sgd", crossentropy(), objectives=[FeatureDistillation(teachers())]
        )


def test_no_projection_is_advised_for_a_layer_below_it():
    model = student(8, feature_layers=["hidden"])
    term = FeatureDistillation(teachers(), features="hidden")
    with pytest.raises(ValueError, match=r"5 features .*\]. Pass projection_m"):
        model.compile("sgd", crossentropy(), objectives=[term])


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("alpha", 1.5, "`alpha` must be at least 0 and at most 1"),
        ("alpha", -0.1, "`alpha` must be at least 0 and at most 1"),
        ("alpha", float("nan"), "`alpha` must be at least 0"),
        ("beta", -1.0, "`beta` must be"),
        ("combine", "sum", "`combine` must be one of 'concatenate', 'mean'"),
        ("projection_mode", "never", "`projection_mode` must be one of 'auto'"),
        ("logit_weight", -1.0, "`logit_weight` must be"),
        ("temperature", 0.0, "`temperature` must be"),
        ("class_counts", [3, 0, 1, 2], "at least 1 for every class"),
    ],
)
def test_bad_arguments(argument, value, message):
    with pytest.raises(ValueError, match=message):
        FeatureDistillation(teachers(), **{argument: value})


def test_counts_of_another_length_are_refused_where_logits_are_used():
    with pytest.raises(ValueError, match="teachers, 4. Received: 3 counts"):
        FeatureDistillation(
            teachers(), logit_weight=1.0, class_counts=[3, 2, 1]
        )
