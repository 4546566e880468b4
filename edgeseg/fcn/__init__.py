"""Fully convolutional networks in Keras: build, train, save (extra `convert`)."""

from __future__ import annotations

from edgeseg.fcn.card import ModelCard, read_card, rebuild, save_model
from edgeseg.fcn.decoder import DECODERS, build_fcn
from edgeseg.fcn.encoder import ENCODERS
from edgeseg.fcn.upsampling import UPSAMPLINGS, bilinear_kernel

__all__ = [
    "DECODERS",
    "ENCODERS",
    "UPSAMPLINGS",
    "ModelCard",
    "bilinear_kernel",
    "build_fcn",
    "read_card",
    "rebuild",
    "save_model",
]
