// Shares a call's rows between the calling thread and the threads of an edgeseg_pool.
#pragma once

#include <cstdint>

#include "edgeseg.h"

namespace edgeseg {

// Consecutive rows.
struct RowRange {
  int begin;
  int end;
};

// How a call's rows are cut into parts and who may take them: slots 0 to slots - 1, of which 0 is
// the calling thread. Each slot needs working memory of its own.
struct Shares {
  edgeseg_pool* pool;
  RowRange rows;
  int slots;
  int parts;
};

// Cuts the rows for a pool (NULL: one part, one slot) into parts of `least` or more. `pixels` says
// how much work there is in all: little is left whole.
Shares shares_of(edgeseg_pool* pool, RowRange rows, int least, int64_t pixels);

// Calls work(context, part, slot) for each part, and returns when all are done. Where the pool
// works for another call, the calling thread does all of it.
using Work = void (*)(void* context, RowRange rows, int slot);
void share(const Shares& shares, Work work, void* context);

template <typename Function>
void share(const Shares& shares, Function&& function) {
  share(
      shares,
      [](void* context, RowRange rows, int slot) {
        (*static_cast<Function*>(context))(rows, slot);
      },
      &function);
}

}  // namespace edgeseg
