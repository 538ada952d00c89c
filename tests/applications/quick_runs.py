"""Runs of the stages of DRO-LT on the digits, in seconds."""

from applications.robustness_settings import RobustnessSettings
from applications.settings import Settings
from tests.applications.small_digits import SMALL

DRO_LT = RobustnessSettings(feature_epochs=2)


def settings_of(folder, method=("dro_lt",), robustness=DRO_LT, **others):
    return Settings(
        method=method,
        robustness=robustness,
        epochs=1,
        validation_per_class=2,
        output_dir=str(folder),
        verbose=0,
        **others,
    )


def plain_run(tmp_path_factory):
    """Trains the first stage alone, and returns its folder."""
    folder = tmp_path_factory.mktemp("runs") / "plain"
    robustness = RobustnessSettings()
    SMALL.run(settings_of(folder, ("crossentropy",), robustness))
    return folder
