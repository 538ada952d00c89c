"""What each method is worth on long-tailed CIFAR."""

from applications.tables.row import Line
from applications.tables.row import Row
from applications.tables.row import Teacher
from applications.tables.table import Table

_CAO = "Cao et al., 2019"
_TRICKS = "Zhang et al., 2021"
_SAMUEL = (
    "Samuel and Chechik, 2021, as listed by others (its code has AutoAugment)"
)
_DUGGAL = "Duggal et al., 2020, as listed by Papers with Code"

_FOUR_TEACHERS = (
    Teacher("cosine", seed=0),
    Teacher("cosine", seed=1),
    Teacher("cosine", "strong", seed=2),
    Teacher("cosine", "strong", seed=3),
)
_STUDENT_OFFSET = 10
"""Keeps a student from the first weights and batches of its teachers."""

_ROBUST = {"method": "dro_lt", "robust_batch_size": "128"}
_DECAY = {"weight_decay": "2e-3"}


def _and_adjusted(
    label: str,
    published: dict[str, tuple[float, str]] | None = None,
    augmentation: str = "plain",
) -> tuple[Line, Line]:
    """Returns the lines of a row: as trained, and with adjusted logits."""
    return (
        Line(
            label,
            published=published or {},
            published_augmentation=augmentation,
        ),
        Line(f"{label}, adjusted", "adjusted"),
    )


def _lever(name: str, label: str, **flags: str) -> Row:
    """Returns a row of plain training with one thing changed."""
    lines = _and_adjusted(f"cross-entropy, {label}")
    return Row(name, {"method": "crossentropy", **flags}, lines)


def _one(
    name: str,
    label: str,
    published: dict[str, tuple[float, str]] | None = None,
) -> Row:
    """Returns a row with one line, of the method of its name."""
    line = Line(label, published=published or {})
    return Row(name, {"method": name}, (line,))


def _two(
    name: str,
    label: str,
    published: dict[str, tuple[float, str]] | None = None,
) -> Row:
    """Returns such a row with a second line, of adjusted logits."""
    return Row(name, {"method": name}, _and_adjusted(label, published))


def _with_exits(
    name: str,
    label: str,
    published: dict[str, tuple[float, str]] | None = None,
    **flags: str,
) -> Row:
    """Returns a row of a network with exits, with a line for each answer."""
    lines = (
        Line(f"{label}, early", published=published or {}),
        Line(f"{label}, at full depth", "full_depth"),
        Line(f"{label}, mean of exits", "exit_average"),
    )
    return Row(name, flags, lines)


ROWS = (
    Row(
        "crossentropy",
        {"method": "crossentropy"},
        (
            Line(
                "cross-entropy",
                published={
                    "cifar100_lt 100": (38.3, _CAO),
                    "cifar10_lt 100": (70.4, _CAO),
                },
            ),
            Line("cross-entropy, logits adjusted afterwards", "adjusted"),
        ),
    ),
    _one(
        "balanced_softmax",
        "balanced softmax",
        {
            "cifar100_lt 100": (43.0, _TRICKS),
            "cifar10_lt 100": (77.5, _TRICKS),
        },
    ),
    _one(
        "ldam_drw",
        "LDAM-DRW",
        {
            "cifar100_lt 100": (42.0, _CAO),
            "cifar100_lt 10": (58.7, _CAO),
            "cifar10_lt 100": (77.0, _CAO),
            "cifar10_lt 10": (88.2, _CAO),
        },
    ),
    Row(
        "crt",
        {"method": "crt"},
        _and_adjusted(
            "cRT",
            {
                "cifar100_lt 100": (40.3, _TRICKS),
                "cifar10_lt 100": (75.0, _TRICKS),
            },
        ),
        initial="crossentropy",
    ),
    Row(
        "tau_normalized",
        {"method": "tau_normalized"},
        (Line("tau-normalisation of cross-entropy"),),
        initial="crossentropy",
    ),
    Row(
        "nearest_class_mean",
        {"method": "nearest_class_mean"},
        (Line("nearest class mean on cross-entropy"),),
        initial="crossentropy",
    ),
    _with_exits(
        "elf_ldam_drw",
        "ELF + LDAM-DRW",
        {"cifar10_lt 10": (88.0, _DUGGAL)},
        method="elf,ldam_drw",
    ),
    _with_exits(
        "elf_ldam_drw_threshold99",
        "ELF + LDAM-DRW, hard below 0.99",
        {"cifar10_lt 10": (88.0, _DUGGAL)},
        method="elf,ldam_drw",
        training_threshold="0.99",
    ),
    _with_exits(
        "elf_ldam_drw_threshold1",
        "ELF + LDAM-DRW without hardness",
        method="elf,ldam_drw",
        training_threshold="1",
    ),
    Row(
        "dro_lt",
        _ROBUST,
        _and_adjusted(
            "DRO-LT",
            {
                "cifar100_lt 100": (47.3, _SAMUEL),
                "cifar100_lt 10": (63.4, _SAMUEL),
            },
            augmentation="strong",
        ),
        initial="crossentropy",
    ),
    Row(
        "dro_lt_radius0",
        {**_ROBUST, "mean_radius": "0"},
        _and_adjusted("DRO-LT, radius 0"),
        initial="crossentropy",
    ),
    Row(
        "dro_lt_no_term",
        {**_ROBUST, "robust_weight": "0"},
        _and_adjusted("DRO-LT, without the robust term"),
        initial="crossentropy",
    ),
    Row(
        "cosine",
        {"method": "cosine"},
        (
            Line("cross-entropy, cosine classifier"),
            Line("cosine classifier, logits adjusted afterwards", "adjusted"),
        ),
    ),
    Row(
        "cosine_crt",
        {"method": "cosine,crt"},
        _and_adjusted("cRT on the cosine classifier"),
        initial="cosine",
    ),
    Row(
        "cbd1",
        {"method": "cbd"},
        _and_adjusted("CBD, 1 teacher"),
        teachers=(Teacher("cosine"),),
        seed_offset=_STUDENT_OFFSET,
    ),
    Row(
        "cbd4",
        {"method": "cbd"},
        _and_adjusted("CBD, 4 teachers"),
        teachers=_FOUR_TEACHERS,
        seed_offset=_STUDENT_OFFSET,
    ),
    Row(
        "teachers4",
        {"method": "ensemble"},
        (
            Line("mean of the 4 teachers"),
            Line("mean of the 4 teachers, adjusted afterwards", "adjusted"),
        ),
        teachers=_FOUR_TEACHERS,
    ),
    Row(
        "elf_dro_lt_cbd",
        {"method": "elf,dro_lt,cbd", "robust_batch_size": "128"},
        (
            Line("ELF, DRO-LT and CBD, early"),
            Line("ELF, DRO-LT and CBD, early, adjusted", "adjusted"),
            Line("ELF, DRO-LT and CBD, at full depth", "full_depth"),
        ),
        teachers=(Teacher("cosine"),),
        seed_offset=_STUDENT_OFFSET,
    ),
    _one("logit_adjusted", "logit-adjusted loss"),
    _one("class_balanced", "class-balanced loss"),
    Row(
        "class_balanced_beta9",
        {"method": "class_balanced", "class_balanced_beta": "0.9"},
        _and_adjusted(
            "class-balanced loss, beta 0.9",
            {"cifar100_lt 100": (39.0, _TRICKS)},
        ),
    ),
    _two("focal", "focal loss"),
    _two("label_aware_smoothing", "label-aware smoothing"),
    _one("drw", "DRW", {"cifar100_lt 100": (41.6, _TRICKS)}),
    _one("lws", "LWS", {"cifar100_lt 100": (40.2, _TRICKS)}),
    _two(
        "class_balanced_sampling",
        "class-balanced sampling",
        {"cifar100_lt 100": (35.2, _TRICKS)},
    ),
    _two("square_root_sampling", "square-root sampling"),
    _two("progressive_sampling", "progressive sampling"),
    _two("effective_number_sampling", "effective-number sampling"),
    _one("deferred_resampling", "deferred re-sampling"),
    _lever("decay", "weight decay 2e-3", **_DECAY),
    _lever("mixup", "mixup", mixing="mixup"),
    _lever("cutmix", "cutmix", mixing="cutmix"),
    _lever("averaged", "averaged weights", ema="0.999"),
    Row(
        "weight_balancing",
        {
            "method": "crt",
            "classifier_start": "trained",
            "max_norm": "0.1",
            "retraining_decay": "0.1",
            "retraining_rate": "0.01",
            **_DECAY,
        },
        (Line("weight balancing: decay 2e-3, then bounded norms"),),
        initial="decay",
    ),
    Row(
        "combined",
        {
            "method": "balanced_softmax",
            "mixing": "cutmix",
            "ema": "0.999",
            **_DECAY,
        },
        (Line("balanced softmax, decay 2e-3, cutmix, averaged weights"),),
    ),
    _with_exits(
        "elf_balanced_softmax",
        "ELF + balanced softmax",
        method="elf,balanced_softmax",
    ),
    Row(
        "exit_distillation_ldam_drw",
        {"method": "exit_distillation,ldam_drw"},
        (
            Line("exits taught by the last, LDAM-DRW, early"),
            Line(
                "exits taught by the last, LDAM-DRW, at full depth",
                "full_depth",
            ),
        ),
    ),
)

_ADJUSTED = ("crossentropy", "adjusted")
_ELF = ("elf_ldam_drw", "as_trained")
_ELF_DEEP = ("elf_ldam_drw", "full_depth")
_ELF_MEAN = ("elf_ldam_drw", "exit_average")
_STRICT = ("elf_ldam_drw_threshold99", "as_trained")
_CONTROL = ("elf_ldam_drw_threshold1", "as_trained")
_CONTROL_DEEP = ("elf_ldam_drw_threshold1", "full_depth")
_CONTROL_MEAN = ("elf_ldam_drw_threshold1", "exit_average")
_TAUGHT = ("exit_distillation_ldam_drw", "as_trained")
_TAUGHT_DEEP = ("exit_distillation_ldam_drw", "full_depth")
_LDAM = ("ldam_drw", "as_trained")
_ROBUST_LINE = ("dro_lt", "as_trained")
_ROBUST_ADJUSTED = ("dro_lt", "adjusted")
_STAGES_ADJUSTED = ("dro_lt_no_term", "adjusted")
_CBD = ("cbd1", "as_trained")
_CBD_4 = ("cbd4", "as_trained")
_ALL = ("elf_dro_lt_cbd", "as_trained")

CIFAR_LT = Table(
    rows=ROWS,
    groups={
        "core": (
            "crossentropy",
            "balanced_softmax",
            "ldam_drw",
            "crt",
            "tau_normalized",
            "nearest_class_mean",
            "elf_ldam_drw",
            "elf_ldam_drw_threshold1",
            "dro_lt",
            "dro_lt_no_term",
            "dro_lt_radius0",
            "cosine",
            "cosine_crt",
            "cbd1",
            "cbd4",
            "teachers4",
            "elf_dro_lt_cbd",
        ),
        "levers": (
            "decay",
            "mixup",
            "cutmix",
            "averaged",
            "balanced_softmax",
            "weight_balancing",
            "combined",
            "elf_balanced_softmax",
        ),
    },
    baseline=_ADJUSTED,
    questions=(
        (("crossentropy", "as_trained"), _ADJUSTED),
        (_ELF, _LDAM),
        (_ELF_DEEP, _LDAM),
        (_CONTROL, _LDAM),
        (_CONTROL_DEEP, _LDAM),
        (_CONTROL_MEAN, _LDAM),
        (_STRICT, _LDAM),
        (_STRICT, _ELF),
        (_STRICT, _CONTROL),
        (_ELF, _CONTROL),
        (_ELF_DEEP, _CONTROL_DEEP),
        (_ELF_MEAN, _CONTROL_MEAN),
        (_TAUGHT, _LDAM),
        (_TAUGHT_DEEP, _CONTROL_DEEP),
        (_ROBUST_LINE, ("dro_lt_no_term", "as_trained")),
        (_ROBUST_LINE, ("dro_lt_radius0", "as_trained")),
        (_ROBUST_LINE, ("crt", "as_trained")),
        (_ROBUST_ADJUSTED, _STAGES_ADJUSTED),
        (_ROBUST_ADJUSTED, ("dro_lt_radius0", "adjusted")),
        (_STAGES_ADJUSTED, _ADJUSTED),
        (_STAGES_ADJUSTED, ("crt", "adjusted")),
        (_CBD, ("cosine", "as_trained")),
        (_CBD, ("cosine", "adjusted")),
        (_CBD, ("cosine_crt", "as_trained")),
        (_CBD_4, _CBD),
        (("cbd1", "adjusted"), ("cosine", "adjusted")),
        (("cbd4", "adjusted"), ("teachers4", "adjusted")),
        (_ALL, _CBD),
        (("elf_dro_lt_cbd", "adjusted"), ("cbd1", "adjusted")),
        (("deferred_resampling", "as_trained"), ("drw", "as_trained")),
    ),
)
"""The table of `scripts/reproduce.py --table=cifar_lt`."""
