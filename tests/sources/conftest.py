"""Puts what the tests of sources share, the rigs of tests/rig, where they can import it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "rig"))
