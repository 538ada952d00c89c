"""The parts of `StagedPredictor`; what differs by backend is in `devices`."""
