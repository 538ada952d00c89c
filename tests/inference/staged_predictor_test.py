"""Examples stop at their exits, and what is compiled stays little and fresh."""

import keras
import numpy as np
import pytest

from keras_lt.data import Batches
from keras_lt.samplers import InOrder
from tests.inference.staged_networks import chosen_afterwards
from tests.inference.staged_networks import dense_stages
from tests.inference.staged_networks import exit_logits
from tests.inference.staged_networks import predictor_of
from tests.inference.staged_networks import thresholds_between

COMPILES_BY_SIZE = keras.config.backend() == "jax"
COMPILES = keras.config.backend() != "torch"


def examples(count, seed=0):
    generator = np.random.default_rng(seed)
    return 2 * generator.standard_normal((count, 4)).astype("float32")


def assert_answers(predictor, x, measure="confidence", **arguments):
    all_logits = exit_logits(predictor.stages, predictor.branches, x)
    thresholds = keras.ops.convert_to_numpy(predictor.thresholds)
    logits, exits = chosen_afterwards(all_logits, thresholds, measure)
    answer = predictor.run(x, verbose=0, **arguments)
    np.testing.assert_array_equal(answer.exits, exits)
    np.testing.assert_allclose(answer.logits, logits, 1e-5, 1e-5)
    return answer


@pytest.fixture(scope="module")
def predictor():
    """Returns one that is compiled once; each test sets its thresholds."""
    keras.utils.set_random_seed(0)
    return predictor_of(*dense_stages()[:2], [0.5, 0.5])


def mix(predictor, x):
    """Sets thresholds by which some leave at each exit."""
    all_logits = exit_logits(predictor.stages, predictor.branches, x)
    predictor.thresholds.assign(thresholds_between(all_logits, 0.6))


def mixed_predictor(x):
    stages, branches, counters = dense_stages()
    predictor = predictor_of(stages, branches, [0.5, 0.5])
    mix(predictor, x)
    for counter in counters:
        counter.shapes.clear()
    return predictor, counters


def test_answers_are_in_the_order_of_the_input(predictor):
    x = examples(45)
    mix(predictor, x)
    answer = assert_answers(predictor, x, batch_size=8)
    assert set(answer.exits) == {1, 2, 3}
    assert answer.logits.dtype == "float32"
    assert answer.exits.dtype == "int32"
    assert answer.seconds > 0


def test_answers_hold_no_memory_beside_their_own(predictor):
    x = examples(45)
    mix(predictor, x)
    answer = predictor.run(iter(np.split(x, 9)), batch_size=2, verbose=0)
    assert answer.logits.shape == (45, 5)
    assert answer.logits.base is None
    assert answer.exits.base is None


@pytest.mark.parametrize("threshold, exit", [(0.0, 1), (1.0, 3)])
def test_thresholds_at_their_ends(predictor, threshold, exit):
    x = examples(11)
    predictor.thresholds.assign([threshold] * 2)
    answer = assert_answers(predictor, x, batch_size=4)
    assert set(answer.exits) == {exit}


def test_a_network_without_early_exits():
    predictor = predictor_of(*dense_stages(num_stages=1)[:2], [])
    answer = assert_answers(predictor, examples(5), batch_size=2)
    assert set(answer.exits) == {1}


def test_entropy_is_the_other_measure():
    x = examples(30)
    stages, branches, _ = dense_stages()
    predictor = predictor_of(stages, branches, [0.1, 0.3], measure="entropy")
    answer = assert_answers(predictor, x, "entropy", batch_size=8)
    predictor.measure = "confidence"
    other = assert_answers(predictor, x, "confidence", batch_size=8)
    assert not np.array_equal(answer.exits, other.exits)


def count_runs(predictor, monkeypatch):
    """Returns how often each stage runs from now on."""
    predictor.run(examples(1), verbose=0)
    runs = [0] * len(predictor.stages)

    def counted(position, stage):
        def run(rows):
            runs[position] += 1
            return stage(rows)

        return run

    stages = enumerate(predictor._compiled)
    monkeypatch.setattr(predictor, "_compiled", [counted(*s) for s in stages])
    return runs


@pytest.mark.parametrize(
    "thresholds, expected", [([0, 0], [1, 0, 0]), ([1, 0], [1, 1, 0])]
)
def test_stages_after_the_exit_of_a_single_image_do_not_run(
    predictor, monkeypatch, thresholds, expected
):
    predictor.thresholds.assign(thresholds)
    runs = count_runs(predictor, monkeypatch)
    predictor.run(examples(1), verbose=0)
    assert runs == expected


def test_stages_run_on_full_batches(predictor, monkeypatch):
    x = examples(64)
    mix(predictor, x)
    runs = count_runs(predictor, monkeypatch)
    answer = predictor.run(x, batch_size=8, verbose=0)
    reached = [np.sum(answer.exits > k) for k in range(3)]
    assert runs == [int(np.ceil(count / 8)) for count in reached]


def test_batches_say_how_many_a_stage_takes(predictor, monkeypatch):
    x = examples(64)
    batches = Batches((x, np.zeros(64, int)), 16, sampler=InOrder())
    predictor.thresholds.assign([1.0, 1.0])
    for source, arguments, expected in (
        (batches, {}, 4),
        (batches, {"batch_size": 8}, 8),
        (iter(batches), {}, 2),
        (x, {}, 2),
    ):
        runs = count_runs(predictor, monkeypatch)
        predictor.run(source, verbose=0, **arguments)
        assert runs == [expected] * 3


@pytest.mark.skipif(not COMPILES, reason="torch runs stages as they come")
def test_few_shapes_are_compiled_for_many_batch_sizes():
    predictor, counters = mixed_predictor(examples(64))
    generator = np.random.default_rng(1)
    for stream in range(6):
        sizes = generator.integers(1, 40, size=5)
        batches = (examples(size, seed=stream) for size in sizes)
        predictor.run(batches, batch_size=16, verbose=0)
    for count in range(1, 33):
        predictor.run(examples(count), batch_size=16, verbose=0)
    traces = [len(counter.shapes) for counter in counters]
    if COMPILES_BY_SIZE:
        # The powers of two up to the batch size, and no other number.
        assert set(counters[0].shapes) == {(2**k, 4) for k in range(5)}
        assert max(traces) <= 5
    else:
        assert traces == [1, 1, 1]


@pytest.mark.skipif(not COMPILES, reason="torch runs stages as they come")
def test_new_weights_and_thresholds_count_without_compiling_again():
    x = examples(24)
    stages, branches, counters = dense_stages()
    predictor = predictor_of(stages, branches, [1.0, 1.0])
    first = assert_answers(predictor, x, batch_size=8)
    for counter in counters:
        counter.shapes.clear()
    for layer in [*stages, *branches]:
        layer.set_weights([weight + 0.1 for weight in layer.get_weights()])
    second = predictor.run(x, batch_size=8, verbose=0)
    predictor.thresholds.assign([0.0, 0.0])
    third = predictor.run(x, batch_size=8, verbose=0)
    assert [counter.shapes for counter in counters] == [[], [], []]
    assert set(second.exits) == {3}
    assert set(third.exits) == {1}
    assert not np.allclose(first.logits, second.logits)


def test_weights_are_read_at_each_call(tmp_path):
    x = examples(20)
    predictor, _ = mixed_predictor(x)
    assert_answers(predictor, x, batch_size=4)
    stage = predictor.stages[1]
    stage.save_weights(tmp_path / "old.weights.h5")
    stage.set_weights([weight + 0.5 for weight in stage.get_weights()])
    changed = assert_answers(predictor, x, batch_size=4)
    stage.load_weights(tmp_path / "old.weights.h5")
    restored = assert_answers(predictor, x, batch_size=4)
    assert not np.allclose(changed.logits, restored.logits)
    trained = keras.Sequential([*predictor.stages, predictor.branches[-1]])
    trained.compile("sgd", "mse")
    trained.fit(x, np.ones((20, 5)), verbose=0)
    assert_answers(predictor, x, batch_size=4)


def test_variables_may_be_replaced():
    x = examples(9)
    predictor = predictor_of(*dense_stages()[:2], [1.0, 1.0])
    predictor.run(x, verbose=0)
    predictor.stages[0].layers[1].enable_lora(2)
    kernel = predictor.stages[0].layers[1].lora_kernel_b
    kernel.assign(keras.ops.ones(kernel.shape))
    assert_answers(predictor, x)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_low_precision_features_give_float32_logits(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        stages, branches, _ = dense_stages()
    finally:
        keras.config.set_dtype_policy(before)
    predictor = predictor_of(stages, branches, [0.5, 0.5])
    answer = predictor.run(examples(10), batch_size=4, verbose=0)
    assert answer.logits.dtype == "float32"
    assert np.all(np.isfinite(answer.logits))


def test_one_batch_is_answered_at_once(predictor):
    x = examples(13)
    mix(predictor, x)
    at_once = predictor.run_on_batch(x)
    in_parts = predictor.run(x, batch_size=5, verbose=0)
    np.testing.assert_array_equal(at_once.exits, in_parts.exits)
    np.testing.assert_allclose(at_once.logits, in_parts.logits, 1e-5, 1e-5)


def test_nan_stays_with_its_example(predictor):
    x = examples(12)
    mix(predictor, x)
    clean = predictor.run(x, batch_size=4, verbose=0)
    x[5, 0] = np.nan
    answer = predictor.run(x, batch_size=4, verbose=0)
    assert answer.exits[5] == 3
    others = np.arange(12) != 5
    np.testing.assert_allclose(
        answer.logits[others], clean.logits[others], 1e-5, 1e-5
    )


def test_stages_are_timed(predictor, monkeypatch):
    predictor.thresholds.assign([0.0, 0.0])
    seconds = predictor.stage_seconds(batch_size=4, repeats=2)
    assert seconds.shape == (3,)
    assert np.all((seconds > 0) & (seconds < 1))
    monkeypatch.setattr(predictor, "image_shape", None)
    with pytest.raises(ValueError, match="`images` must be given"):
        predictor.stage_seconds()
    assert np.all(predictor.stage_seconds(images=examples(4), repeats=1) > 0)


def test_numbers_of_parts_must_agree():
    stages, branches, _ = dense_stages()
    with pytest.raises(ValueError, match="3 stages, 2 branches"):
        predictor_of(stages, branches[:2], [0.5, 0.5])
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        predictor_of(stages, branches, [0.5] * 3)


def test_statistics_of_images_are_those_of_now():
    """Keras computes with constants in place of these variables."""
    x = examples(9)
    scaling = keras.layers.Normalization()
    stage = keras.Sequential([keras.Input((4,)), scaling])
    branch = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    predictor = predictor_of([stage], [branch], [])
    assert_answers(predictor, x)
    scaling.adapt(5 * x + 3)
    assert_answers(predictor, x)
