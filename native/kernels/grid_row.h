// One row of grid points: its scores as the kernels compute with them, and who wins at each point.
//
// 8-bit scores become uint8_t, in unchanged order; floats become finite float. The classes of a
// point stand side by side, filled up to whole blocks with the lowest value there is, so that a
// filler never goes before a class of its own value.
#pragma once

#include "decode_job.h"
#include "simd.h"

namespace edgeseg {
namespace EDGESEG_TARGET {

constexpr float kLargest = 3.402823466e+38F;

template <typename Score>
struct BlockOf;
template <>
struct BlockOf<uint8_t> {
  using Type = Bytes;
};
template <>
struct BlockOf<float> {
  using Type = Floats;
};

// ---- reading ----

inline Floats finite(const Floats& a) {
  // Not greater than the lowest are that itself, -infinity and NaN.
  return lesser_of(greater_of(a, splat(-kLargest)), splat(kLargest));
}

inline Floats from_half(const void* raw) {
  typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));
  Ints wide;
  for (int n = 0; n < kParts; ++n) {
    Halves part;
    memcpy(&part, static_cast<const uint8_t*>(raw) + n * sizeof part, sizeof part);
    wide.part[n] = __builtin_convertvector(part, VectorInt);
  }
  // The exponent's bias differs by 112; a product mends it, for subnormal numbers too.
  // 0x8000 times -0x10000 is just within an int32, which the positive product is not.
  const Ints size = wide & splat(0x7fff), sign = (wide & splat(0x8000)) * splat(-(1 << 16));
  const Floats value = as_floats(size * splat(1 << 13)) * splat(0x1p112F);
  const Floats special = as_floats(size * splat(1 << 13) | splat(0x7f800000));
  return as_floats(as_ints(select(size > splat(0x7bff), special, value)) | sign);
}

// How scores of each type are stored, and how sixteen of them are read.
template <edgeseg_dtype>
struct Source;
template <>
struct Source<EDGESEG_INT8> {
  using Item = uint8_t;
  using Score = uint8_t;
  static constexpr Item kLowest = 0x80;
  static Bytes read(const void* raw) { return load<Bytes>(raw) ^ splat(uint8_t{0x80}); }
};
template <>
struct Source<EDGESEG_UINT8> {
  using Item = uint8_t;
  using Score = uint8_t;
  static constexpr Item kLowest = 0;
  static Bytes read(const void* raw) { return load<Bytes>(raw); }
};
template <>
struct Source<EDGESEG_FLOAT16> {
  using Item = uint16_t;
  using Score = float;
  static constexpr Item kLowest = 0xfc00;  // -infinity
  static Floats read(const void* raw) { return finite(from_half(raw)); }
};
template <>
struct Source<EDGESEG_FLOAT32> {
  using Item = uint32_t;
  using Score = float;
  static constexpr Item kLowest = 0xff800000;  // -infinity
  static Floats read(const void* raw) { return finite(load<Floats>(raw)); }
};

// A block with all but its first `count` scores made the lowest there is.
inline Bytes first_lanes(const Bytes& block, int count) {
  if (count >= kBlock) return block;
  const Bytes lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return block & (Bytes)(lane < splat(static_cast<uint8_t>(count)));
}

inline Floats first_lanes(const Floats& block, int count) {
  if (count >= kBlock) return block;
  static const int32_t lane[kBlock] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return select(splat(count) > load<Ints>(lane), block, splat(-kLargest));
}

// The classes from..from + 15 of a point one by one: where they do not stand side by side, or
// where sixteen would reach beyond the row.
template <typename Item>
void gather(const edgeseg_scores& scores, const uint8_t* point, int from, Item lowest, Item* to) {
  for (int n = 0; n < kBlock; ++n) {
    to[n] = lowest;
    if (from + n < scores.classes) {
      memcpy(to + n, point + (from + n) * scores.class_stride, sizeof(Item));
    }
  }
}

template <typename Source>
void read_row(const edgeseg_scores& scores, int j, int padded_classes, typename Source::Score* to) {
  using Item = typename Source::Item;
  const uint8_t* row = static_cast<const uint8_t*>(scores.data) + j * scores.row_stride;
  const ptrdiff_t item = sizeof(Item), block = kBlock * item;
  const bool side_by_side = scores.class_stride == item && scores.column_stride > 0;
  const ptrdiff_t row_bytes = (scores.width - 1) * scores.column_stride + scores.classes * item;
  for (int i = 0; i < scores.width; ++i) {
    for (int k = 0; k < padded_classes; k += kBlock, to += kBlock) {
      const ptrdiff_t offset = i * scores.column_stride + k * item;
      // With fewer classes than a block has, the next points' scores are read and then dropped.
      if (side_by_side && offset + block <= row_bytes) {
        store(to, first_lanes(Source::read(row + offset), scores.classes - k));
      } else {
        Item items[kBlock];
        gather(scores, row + i * scores.column_stride, k, Source::kLowest, items);
        store(to, Source::read(items));
      }
    }
  }
}

// ---- comparing classes at one point ----

// Where k stands above d: for a class d that comes after k, and for one that comes before it.
inline Bytes above_later(const Bytes& k, const Bytes& d) { return greater_of(k, d) == k; }
inline Bytes above_earlier(const Bytes& k, const Bytes& d) { return ~(greater_of(k, d) == d); }
inline Ints above_later(const Floats& k, const Floats& d) { return k >= d; }
inline Ints above_earlier(const Floats& k, const Floats& d) {
  const Floats size = greater_of(magnitude(k), magnitude(d));
  return k - d > size * splat(0x1p-20F) + splat(0x1p-126F);
}

// The winner at a point. With kUnclear added, the winner is not above all classes before it, so
// that it must not fill a cell; no two such winners are to be taken for the same.
constexpr uint16_t kUnclear = 256;

template <typename Score>
uint16_t winner_of(const Score* scores, int padded_classes) {
  using Block = typename BlockOf<Score>::Type;
  Block highest = load<Block>(scores);
  for (int k = kBlock; k < padded_classes; k += kBlock) {
    highest = greater_of(highest, load<Block>(scores + k));
  }
  const Score best = greatest(highest);
  const Block all_best = splat(best);
  for (int k = 0;; k += kBlock) {
    const unsigned near = ~bits(above_earlier(all_best, load<Block>(scores + k))) & 0xffff;
    if (near != 0) {
      const int first = k + __builtin_ctz(near);
      return static_cast<uint16_t>(first + (scores[first] == best ? 0 : kUnclear));
    }
  }
}

// The greatest class but the winner; it only serves to rule out others.
template <typename Score>
int runner_up_of(const Score* scores, int classes, int winner) {
  int best = winner == 0 ? 1 : 0;
  for (int k = best + 1; k < classes; ++k) {
    if (k != winner && scores[k] > scores[best]) best = k;
  }
  return best;
}

template <typename Source>
void prepare_row(const DecodeJob& job, int j, GridRow* row) {
  using Score = typename Source::Score;
  Score* scores = static_cast<Score*>(row->scores);
  read_row<Source>(job.scores, j, job.padded_classes, scores);
  for (int i = 0; i < job.scores.width; ++i) {
    const Score* point = scores + i * job.padded_classes;
    row->winners[i] = winner_of(point, job.padded_classes);
    if (job.out.confidence != nullptr) {
      const int winner = row->winners[i] % kUnclear;
      row->runners_up[i] = static_cast<uint8_t>(runner_up_of(point, job.scores.classes, winner));
    }
  }
  row->index = j;
}

}  // namespace EDGESEG_TARGET
}  // namespace edgeseg
