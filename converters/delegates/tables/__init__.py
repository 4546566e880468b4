"""One table a family of targets: a row an operator, with its limits, source and remedy."""

from __future__ import annotations
