import numpy as np
import pytest
from keras import ops

from keras_lt.ops.distillation import cosine_distances
from keras_lt.ops.distillation import kl_divergences
from tests import distillation_reference as reference
from tests.checks import to_numpy
from tests.compiled import compiled
from tests.gradients import gradient

TEMPERATURES = [0.5, 1.0, 2.0, 7.0]


def vectors(seed, rows=6, dim=5, scale=1.0):
    rng = np.random.default_rng(seed)
    return (scale * rng.normal(size=(rows, dim))).astype("float32")


def test_cosine_distances_equal_the_equation():
    a, b = vectors(0), vectors(1, scale=30.0)
    found = to_numpy(compiled(cosine_distances)(a, b))
    assert found.shape == (6,) and found.dtype == "float32"
    np.testing.assert_allclose(found, reference.cosine_distances(a, b), 1e-5)


def test_cosine_distances_of_known_angles():
    a = np.array([[1, 0], [1, 0], [1, 0], [3, 4]], "float32")
    b = np.array([[7, 0], [0, 2], [-5, 0], [4, 3]], "float32")
    found = to_numpy(cosine_distances(a, b))
    np.testing.assert_allclose(found, [0.0, 1.0, 2.0, 0.04], atol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_cosine_distances_do_not_depend_on_length(scale):
    a, b = vectors(0), vectors(1)
    expected = to_numpy(cosine_distances(a, b))
    for found in (
        cosine_distances(scale * a, b),
        cosine_distances(a, scale * b),
    ):
        np.testing.assert_allclose(to_numpy(found), expected, 1e-4, 1e-6)


def test_gradient_of_cosine_distances():
    a, b = vectors(0), vectors(1)
    found = gradient(lambda x: cosine_distances(x, ops.convert_to_tensor(b)), a)
    expected = reference.slopes(
        lambda x: reference.cosine_distances(x, b).sum(), a
    )
    np.testing.assert_allclose(found, expected, 1e-3, 1e-5)
    # Along a vector nothing changes, as its length plays no part.
    np.testing.assert_allclose((found * a).sum(axis=1), 0.0, atol=1e-6)


def test_a_vector_of_zeros_is_at_distance_1_and_gets_no_gradient():
    a, b = vectors(0), vectors(1)
    a[2] = 0.0
    assert to_numpy(cosine_distances(a, b))[2] == 1.0
    found = gradient(lambda x: cosine_distances(x, ops.convert_to_tensor(b)), a)
    assert np.isfinite(found).all()
    assert not found[2].any() and found[1].any()


def test_half_precision_is_computed_in_float32():
    a, b = vectors(0, dim=64, scale=100.0), vectors(1, dim=64)
    for dtype in ("float16", "bfloat16"):
        halves = [ops.cast(one, dtype) for one in (a, b)]
        found = cosine_distances(*halves)
        logits = kl_divergences(*halves, temperature=2.0)
        kept = [to_numpy(ops.cast(one, "float32")) for one in halves]
        expected = reference.cosine_distances(*kept)
        np.testing.assert_allclose(to_numpy(found), expected, 1e-4, 1e-5)
        expected = reference.divergences(*kept, 2.0)
        np.testing.assert_allclose(to_numpy(logits), expected, 1e-4, 1e-4)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_divergences_equal_the_equation(temperature):
    student, teacher = vectors(2, scale=3.0), vectors(3, scale=3.0)
    found = to_numpy(kl_divergences(student, teacher, temperature))
    assert found.shape == (6,) and found.dtype == "float32"
    expected = reference.divergences(student, teacher, temperature)
    np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


def test_the_probabilities_of_the_teacher_weigh_the_classes():
    """The other way round, a divergence has another value."""
    student = np.log([[0.5, 0.25, 0.25]]).astype("float32")
    teacher = np.log([[0.9, 0.05, 0.05]]).astype("float32")
    found = float(kl_divergences(student, teacher)[0])
    right = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.05 / 0.25)
    wrong = 0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.25 / 0.05)
    assert found == pytest.approx(right, rel=1e-5)
    assert abs(found - wrong) > 0.1


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gradient_of_divergences(temperature):
    """`T (p - q)` of the student, and so not that of probabilities."""
    student, teacher = vectors(2, scale=2.0), vectors(3, scale=2.0)
    found = gradient(
        lambda x: kl_divergences(
            x, ops.convert_to_tensor(teacher), temperature
        ),
        student,
    )
    p, q = (
        reference.softmax(one.astype("float64") / temperature)
        for one in (student, teacher)
    )
    np.testing.assert_allclose(found, temperature * (p - q), 1e-3, 1e-5)


def test_divergences_of_equal_predictions_are_0():
    logits = vectors(2, rows=200, scale=5.0)
    # A number added to all logits of an example changes no probability.
    found = to_numpy(kl_divergences(logits + 3.0, logits, 2.0))
    assert (found >= 0.0).all()
    np.testing.assert_allclose(found, 0.0, atol=1e-5)


def test_divergences_of_far_logits_are_finite():
    student = np.array([[1e4, 0.0], [0.0, 50.0]], "float32")
    teacher = np.array([[0.0, 1e4], [50.0, 0.0]], "float32")
    found = to_numpy(kl_divergences(student, teacher))
    np.testing.assert_allclose(found, [1e4, 50.0], 1e-5)
    slope = gradient(
        lambda x: kl_divergences(x, ops.convert_to_tensor(teacher)), student
    )
    assert np.isfinite(slope).all()


def test_one_teacher_for_several_students():
    exits = vectors(4, rows=12).reshape(4, 3, 5)
    found = to_numpy(kl_divergences(exits, exits[:, -1:], 2.0))
    assert found.shape == (4, 3)
    for k in range(3):
        expected = reference.divergences(exits[:, k], exits[:, -1], 2.0)
        np.testing.assert_allclose(found[:, k], expected, 1e-4, 1e-5)
