"""When pictures of a stream arrived: what waited in a buffer is older than it seems."""

from __future__ import annotations

from collections import deque

# A camera's clock and ours drift apart by some 50 us a second; half a minute of it is no matter.
_WINDOW_S = 30.0
# Stream time that leaps is no clock (a restarted encoder, a broken one).
_LEAP_S = 5.0


class StreamClock:
    """Maps the time that a stream gives its pictures to time.monotonic().

    The picture that came fastest, of the last half minute, is taken as one that did not wait; every
    other is as much older as it was later than that. Pictures that pile up in a buffer therefore
    show their true age, though they are all read at once.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._fastest: deque[tuple[float, float]] = deque()  # (when, offset), offsets rising
        self._last: tuple[float, float] | None = None

    def arrived_s(self, now_s: float, stream_s: float) -> float:
        """Return when a picture that was read now arrived; never later than now.

        Args:
            now_s: time.monotonic().
            stream_s: the picture's own time; one that does not rise or leaps starts afresh.
        """
        if self._last is None or self._leaps(now_s, stream_s):
            self._fastest.clear()
        self._last = (now_s, stream_s)
        offset_s = now_s - stream_s
        while self._fastest and self._fastest[-1][1] >= offset_s:
            self._fastest.pop()
        self._fastest.append((now_s, offset_s))
        while self._fastest[0][0] < now_s - _WINDOW_S:
            self._fastest.popleft()
        return min(now_s, stream_s + self._fastest[0][1])

    def _leaps(self, now_s: float, stream_s: float) -> bool:
        assert self._last is not None
        moved_s = stream_s - self._last[1]
        return moved_s <= 0 or abs(moved_s - (now_s - self._last[0])) > _LEAP_S
