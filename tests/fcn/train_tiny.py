"""`edgeseg train` with an encoder called tiny: `python train_tiny.py train --encoder tiny ...`.

With EDGESEG_TEST_SIGNAL="9 at 3:2" the process gets signal 9 behind batch 2 of epoch 3. Tracing a
real encoder would take most of a test's time.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def add_tiny_encoder() -> None:
    """Add an encoder of five small convolutions to keras.applications and to edgeseg's table."""
    import keras

    from edgeseg.fcn.encoder import ENCODERS, EncoderSpec

    def tiny(input_tensor: Any = None, **_: Any) -> Any:
        layers = keras.layers
        features = input_tensor
        for channels in (8, 8, 16, 16, 16):
            features = layers.Conv2D(channels, 3, 2, "same", use_bias=False)(features)
            features = layers.BatchNormalization()(features)
            features = layers.ReLU()(features)
        return keras.Model(input_tensor, features)

    keras.applications.Tiny = tiny
    ENCODERS["tiny"] = EncoderSpec("Tiny")


def signal_itself(when: str) -> None:
    """Send this process a signal when training has come to a batch."""
    from edgeseg.fcn import train as module

    number, _, place = when.partition(" at ")
    stop_epoch, stop_batch = map(int, place.split(":"))
    train = module.train

    def interrupted(options: Any, progress: Any) -> Any:
        def watch(epoch: int, epochs: int, batch: int, count: int, loss: float) -> None:
            progress(epoch, epochs, batch, count, loss)
            if (epoch, batch) == (stop_epoch, stop_batch):
                os.kill(os.getpid(), int(number))

        return train(options, watch)

    module.train = interrupted


def main() -> int:
    """Run the command line."""
    from edgeseg.cli import main as edgeseg

    add_tiny_encoder()
    if when := os.environ.get("EDGESEG_TEST_SIGNAL"):
        signal_itself(when)
    return edgeseg(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
