"""What each target can run: tables with sources, and the words of real compilers."""

from __future__ import annotations
