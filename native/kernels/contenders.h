// Which classes can win inside a cell; decode.cc says why the others cannot.
#pragma once

#include "grid_row.h"

namespace edgeseg {
namespace EDGESEG_TARGET {

// The scores at a cell's corners: near and far column of the near row, then of the far row.
template <typename Score>
struct Cell {
  const Score* corner[4];
};

// The classes from..from + 15 that class k is above of at all four corners, as bits.
template <typename Score>
unsigned beaten_by(int k, const Cell<Score>& cell, int from) {
  using Block = typename BlockOf<Score>::Type;
  const Block first_k = splat(cell.corner[0][k]), first = load<Block>(cell.corner[0] + from);
  auto later = above_later(first_k, first);
  auto earlier = above_earlier(first_k, first);
  for (int c = 1; c < 4; ++c) {
    const Block here_k = splat(cell.corner[c][k]), here = load<Block>(cell.corner[c] + from);
    later = later & above_later(here_k, here);
    earlier = earlier & above_earlier(here_k, here);
  }
  const int place = k - from;  // of k among these; outside 0..15 all are later or earlier
  const unsigned before = place <= 0 ? 0U : place >= kBlock ? 0xffffU : (1U << place) - 1;
  const unsigned after = place < 0 ? 0xffffU : place >= kBlock ? 0U : 0xfffeU << place;
  return (bits(earlier) & before) | (bits(later) & after & 0xffffU);
}

// A few classes, each once: those that are likely to rule out many others.
struct Rulers {
  int count = 0;
  int classes[8];  // of four corners, at most the winners and the runners-up

  void add(int k) {
    for (int n = 0; n < count; ++n) {
      if (classes[n] == k) return;
    }
    classes[count++] = k;
  }
};

// The classes that fewer than `needed` (1 or 2) rulers beat in a cell, in rising order. With 1 the
// winner of every pixel is among them, with 2 the runner-up as well.
struct Contenders {
  int count = 0;
  int32_t classes[EDGESEG_MAX_CLASSES];

  template <typename Score>
  void find(const Cell<Score>& cell, const Rulers& rulers, int needed, int all) {
    for (int from = 0; from < all; from += kBlock) {
      unsigned once = 0, twice = 0;
      for (int n = 0; n < rulers.count; ++n) {
        const unsigned beaten = beaten_by(rulers.classes[n], cell, from);
        twice |= once & beaten;
        once |= beaten;
      }
      const unsigned real = all - from < kBlock ? (1U << (all - from)) - 1 : 0xffffU;
      for (unsigned left = real & ~(needed == 1 ? once : twice); left != 0; left &= left - 1) {
        classes[count++] = from + __builtin_ctz(left);
      }
    }
  }
};

}  // namespace EDGESEG_TARGET
}  // namespace edgeseg
