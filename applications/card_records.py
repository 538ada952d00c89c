"""What is kept of reports, as plain values."""

from collections.abc import Mapping
from typing import Any

from applications.predictions import pack
from keras_lt import report


def card_records(cards: Mapping[str, report.ReportCard]) -> dict[str, Any]:
    """Returns scores, accuracies of classes and answers, by kind.

    Args:
        cards: By the kind of answers, `"as_trained"` among them.
    """
    return {
        "scores": {kind: card.scores for kind, card in cards.items()},
        "intervals": {kind: card.intervals for kind, card in cards.items()},
        "class_accuracies": {
            kind: card.class_accuracies for kind, card in cards.items()
        },
        "class_supports": cards["as_trained"].class_supports,
        "predictions": {
            kind: pack(card.outcomes.predictions, card.outcomes.labels)
            for kind, card in cards.items()
        },
    }
