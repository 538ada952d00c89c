"""Teachers and students of the recipes."""

import dataclasses
import json
import pathlib

import keras
import pytest

from applications import cbd
from applications import find_recipe
from applications.classification import classification
from applications.distillation_settings import DistillationSettings
from applications.robustness_settings import RobustnessSettings
from applications.settings import Settings
from keras_lt import data
from keras_lt import losses
from keras_lt import objectives
from keras_lt import samplers
from tests.applications.small_digits import SMALL
from tests.applications.small_digits import quick_recipe
from tests.applications.small_digits import setup_of
from tests.checks import to_numpy

pytest.importorskip("sklearn")

DIM = 4  # Features of the small network.


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A small network, and no plots."""
    with quick_recipe():
        yield


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """The folder of a finished run that can teach."""
    folder = tmp_path_factory.mktemp("runs") / "teacher"
    SMALL.run(settings_of(("cosine",), {}, output_dir=str(folder)))
    return str(folder)


EXITS = {"elf", "exit_distillation"}


def settings_of(method, distillation, **others):
    return Settings(
        **{
            "method": method,
            "distillation": DistillationSettings(**distillation),
            "epochs": 1,
            **({"exits": ("stage_1",)} if EXITS & set(method) else {}),
            "verbose": 0,
            **others,
        }
    )


def student_of(teacher, monkeypatch, method=("cbd",), runs=1, **others):
    """Returns setup and stage of a student of the same teacher, many times."""
    chosen = {"teacher_runs": (teacher,) * runs, **others}
    setup = setup_of(settings_of(method, chosen), monkeypatch)
    (stage,) = cbd.stages(setup)
    return setup, stage


def test_student_follows_its_teacher_on_balanced_batches(teacher, monkeypatch):
    setup, stage = student_of(teacher, monkeypatch, alpha=0.3, beta=7.0)
    (term,) = stage.objectives
    assert isinstance(term, objectives.FeatureDistillation)
    assert term.beta == 7.0
    assert float(to_numpy(term.weight)) == pytest.approx(0.3)
    assert float(to_numpy(term.base_weight)) == pytest.approx(0.7)
    assert isinstance(stage.batches.sampler, samplers.ClassBalanced)
    assert type(stage.loss) is keras.losses.SparseCategoricalCrossentropy
    assert setup.model.projection_dim is None
    assert setup.model.classifier.scale == 20.0


@pytest.mark.parametrize(
    "mode, runs, dim",
    [
        ("auto", 2, 2 * DIM),
        ("always", 1, DIM),
        ("distill_only", 2, None),
    ],
)
def test_projection_is_as_wide_as_the_teachers(
    teacher, monkeypatch, mode, runs, dim
):
    setup, stage = student_of(
        teacher, monkeypatch, runs=runs, projection_mode=mode
    )
    assert setup.model.projection_dim == dim
    (term,) = stage.objectives
    term.build(setup.model.feature_shape(None))  # It fits.


@pytest.mark.parametrize(
    "name, kind",
    [
        ("logit_adjusted", keras.losses.SparseCategoricalCrossentropy),
        ("ldam", losses.LDAM),
    ],
)
def test_balanced_batches_are_not_balanced_twice(
    teacher, monkeypatch, name, kind
):
    _, stage = student_of(teacher, monkeypatch, method=("cbd", name))
    assert type(stage.loss) is kind


def test_all_three_methods_are_one_student(teacher, monkeypatch):
    setup, stage = student_of(
        teacher, monkeypatch, method=("elf", "dro_lt", "cbd")
    )
    assert [type(term) for term in stage.objectives] == [
        objectives.FeatureDistillation,
        objectives.Robustness,
    ]
    assert isinstance(stage.batches.sampler, samplers.ClassAware)
    assert setup.model.num_exits == 2


def test_last_exit_teaches_the_others(monkeypatch):
    setup = setup_of(settings_of(("exit_distillation",), {}), monkeypatch)
    (term,) = classification(setup).objectives
    assert isinstance(term, objectives.ExitDistillation)
    assert setup.model.num_exits == 2


def test_teachers_differ_by_seed_and_augmentation():
    settings = settings_of(
        ("cbd",), {"teachers": 4}, seed=2, split_seed=3, imbalance_factor=50
    )
    folder, cifar = pathlib.Path("runs"), find_recipe("cifar100_lt")
    found = [
        cbd.teacher_settings(cifar, settings, number, folder)
        for number in range(4)
    ]
    assert [one.seed for one in found] == [300, 301, 302, 303]
    kinds = [one.augmentation for one in found]
    assert kinds == ["plain", "plain", "strong", "strong"]
    assert {one.method for one in found} == {("cosine",)}
    assert {one.imbalance_factor for one in found} == {50}
    assert {one.split_seed for one in found} == {3}
    other = cbd.teacher_settings(SMALL, settings, 3, folder)
    assert other.augmentation == "plain"
    alone = dataclasses.replace(settings, distillation=DistillationSettings())
    single = cbd.teacher_settings(cifar, alone, 0, folder)
    assert single.augmentation == "plain"


def test_run_trains_its_teachers_and_goes_on(tmp_path, monkeypatch):
    """A run that stops after the teachers does not train them again."""
    settings = settings_of(
        ("cbd",), {"teachers": 2}, output_dir=str(tmp_path / "whole")
    )
    whole = SMALL.run(settings)
    record = json.loads((tmp_path / "whole" / "result.json").read_text())
    assert [one["folder"] for one in record["teachers"]] == [
        "teacher_1",
        "teacher_2",
    ]
    assert [one["seed"] for one in record["teachers"]] == [100, 101]
    assert record["settings"]["distillation"]["teachers"] == 2

    stopped = dataclasses.replace(settings, output_dir=str(tmp_path / "two"))
    with monkeypatch.context() as patch:
        patch.setattr(cbd, "stages", stop)
        with pytest.raises(KeyboardInterrupt):
            SMALL.run(stopped)
    teachers = [tmp_path / "two" / f"teacher_{k}" for k in (1, 2)]
    assert not (tmp_path / "two" / "result.json").exists()
    changed = dataclasses.replace(
        settings.distillation, teacher_method=("focal",)
    )
    other = dataclasses.replace(stopped, distillation=changed)
    match = r"Received: method=\['focal'\].*teacher_1' has \['cosine'\]"
    with pytest.raises(ValueError, match=match):
        SMALL.run(other)
    times = [(one / "model.keras").stat().st_mtime_ns for one in teachers]
    again = SMALL.run(dataclasses.replace(stopped, resume=True))
    after = [(one / "model.keras").stat().st_mtime_ns for one in teachers]
    assert after == times
    assert again.logits == pytest.approx(whole.logits, abs=1e-4)


def stop(setup):
    raise KeyboardInterrupt


def test_nothing_is_kept_without_a_folder():
    result = SMALL.run(settings_of(("cbd",), {}))
    assert [one["folder"] for one in result.teachers] == ["teacher_1"]


def test_folder_in_use_is_noticed_before_teachers_are_trained(
    teacher, monkeypatch
):
    monkeypatch.setattr(cbd, "_trained", stop)
    settings = settings_of(("cbd",), {}, output_dir=teacher)
    with pytest.raises(ValueError, match="output folder must be new"):
        SMALL.run(settings)


@pytest.mark.parametrize(
    "others, match",
    [
        ({"split_seed": 1}, "split_seed=0"),
        ({"imbalance_factor": 20.0}, "imbalance_factor=50"),
    ],
)
def test_teacher_of_other_images_is_refused(
    teacher, monkeypatch, others, match
):
    settings = settings_of(("cbd",), {"teacher_runs": (teacher,)}, **others)
    setup = setup_of(settings, monkeypatch)
    with pytest.raises(ValueError, match=match):
        cbd.stages(setup)


def test_teacher_run_must_be_finished(tmp_path, monkeypatch):
    settings = settings_of(("cbd",), {"teacher_runs": (str(tmp_path),)})
    with pytest.raises(ValueError, match="`teacher_runs` must be the output"):
        setup_of(settings, monkeypatch)


@pytest.mark.parametrize(
    "choice", [{"feature_epochs": 3}, {"form": "joint"}], ids=str
)
def test_stages_of_the_robust_term_are_refused(choice):
    """With the settings, before teachers are trained for hours."""
    ((name, value),) = choice.items()
    with pytest.raises(ValueError, match=f"Received: {name}={value!r} with"):
        settings_of(
            ("cbd", "dro_lt"), {}, robustness=RobustnessSettings(**choice)
        )


def test_teacher_of_other_pixels_is_refused(teacher, monkeypatch):
    settings = settings_of(("cbd",), {"teacher_runs": (teacher,)})
    setup = setup_of(settings, monkeypatch)
    other = dataclasses.replace(
        setup, evaluation=data.transforms.Normalize(0.3, 0.5)
    )
    with pytest.raises(ValueError, match="whose pixels were scaled as they"):
        cbd.stages(other)


@pytest.mark.parametrize(
    "wrong, match",
    [
        ({"teachers": 0}, "`teachers` must be"),
        ({"alpha": 1.5}, "`alpha` must be"),
        ({"beta": -1.0}, "`beta` must be"),
        ({"logit_weight": -1.0}, "`logit_weight` must be"),
        ({"temperature": 0.0}, "`temperature` must be"),
        ({"combine": "sum"}, "`combine` must be one of 'concatenate', 'mean'"),
        ({"projection_mode": "no"}, "`projection_mode` must be one of 'auto'"),
        ({"teacher_method": ("magic",)}, "`teacher_method` must be one of"),
        ({"teachers": 2, "teacher_runs": ("a",)}, "teachers=2 and 1 runs"),
        ({"teacher_method": ("cbd",)}, "without cbd"),
        (
            {"teacher_method": ("ldam",), "teacher_runs": ("a", "b")},
            "teacher_method='ldam' and 2 runs",
        ),
        ({"temperature": 3.0}, "temperature=3.0 with logit_weight=0"),
    ],
)
def test_wrong_choices_are_refused(wrong, match):
    with pytest.raises(ValueError, match=match):
        DistillationSettings(**wrong)


def test_choices_need_the_method():
    with pytest.raises(ValueError, match="alpha=0.1 with the method 'ldam'"):
        settings_of(("ldam",), {"alpha": 0.1})


def test_settings_survive_json():
    settings = settings_of(
        ("cbd",), {"teacher_runs": ("runs/a", "runs/b"), "alpha": 0.2}
    )
    content = json.loads(json.dumps(settings.what_is_trained()))
    again = Settings.from_json(content)
    assert again.distillation.teacher_runs == ("a", "b")
    assert again.distillation.alpha == 0.2
