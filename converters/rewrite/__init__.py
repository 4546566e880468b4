"""Passes over a Keras model, one a file: a functional model in, a functional model out."""

from __future__ import annotations
