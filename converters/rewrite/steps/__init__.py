"""What forms are made of: steps that build Keras layers and know their TFLite operators."""

from __future__ import annotations

from .step import Shape, Step, build_steps, steps_ops

__all__ = ["Shape", "Step", "build_steps", "steps_ops"]
