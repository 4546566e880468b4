// From coarse class scores to a class map at frame size, in one pass.
//
// A pixel lies in a cell of four grid points, `a` of kOne steps from near to far column, `b` from
// near to far row. The value of a class there is
//
//   int8, uint8 (int32):  with s the score, or the score - 128 where it is unsigned,
//     kOne * ((kOne - a) * s00 + a * s01) + b * ((kOne - a) * (s10 - s00) + a * (s11 - s01))
//   which is exact: all four weights sum to 2^22, so that nothing exceeds 2^31
//   float16, float32 (float32, no fused operation), with a, b in 0..1:
//     top = (1 - a) * s00 + a * s01,  bottom = (1 - a) * s10 + a * s11,  (1 - b) * top + b * bottom
//
// and the pixel's class is the lowest of those with the greatest value. edgeseg/kernels_numpy.py
// does just that. Here most of that work is skipped, and the result is still the same, ties
// included.
//
// Say class k stands above class d at a grid point if score[k] > score[d] or, when k < d,
// score[k] >= score[d]. If k is above d at all four corners of a cell, then d wins nowhere in it:
// the weights are not negative, so the value of k is at least that of d, which is enough when
// k < d, as a tie goes to k. When k > d each corner is strict, and at least one has a weight above
// zero, so the value of k is strictly greater. Hence a class that is above all others at all
// corners fills the cell, and elsewhere only classes that no other is above need be compared.
// Neighbours are clamped at the edges of the grid, so corners may coincide, which changes nothing.
//
// With float scores the sums are rounded, but >= survives that: rounding is monotonic. For the
// strict case, the computed value of a class is a sum over the corners of weight * score, each
// term off by at most four roundings, 2^-22 of its size (and by less than 2^-140 where it
// underflows). So k > d is above d only if score[k] - score[d] > 2^-20 * max(|score[k]|,
// |score[d]|) + 2^-126, and then the computed values are strictly ordered as well.
#include "contenders.h"
#include "kernels.h"
#include "simd.h"

namespace edgeseg {
namespace EDGESEG_TARGET {
namespace {

// ---- the value of a class at sixteen pixels of one row ----

// An Edge holds what does not change from row to row of a cell.
template <typename Score>
struct Arithmetic;

template <>
struct Arithmetic<uint8_t> {
  using Values = Ints;
  struct Edge {
    Ints first, step;
  };

  static Ints fractions(const int32_t* from) { return load<Ints>(from); }
  static int32_t fraction(int32_t b) { return b; }

  static Edge edge(const Cell<uint8_t>& cell, int k, const Ints& a) {
    const int near = cell.corner[0][k], far = cell.corner[1][k];
    const int near_step = cell.corner[2][k] - near, far_step = cell.corner[3][k] - far;
    return {splat(near * kOne * kOne) + a * splat((far - near) * kOne),
            splat(near_step * kOne) + a * splat(far_step - near_step)};
  }
  static Ints at(const Edge& edge, int32_t b) { return edge.first + edge.step * splat(b); }

  static constexpr int32_t kLeast = 0;
  // How many of a difference of values make a difference of 1 in scores.
  static constexpr double kUnit = double{kOne} * kOne;
  static Floats difference(const Ints& a, const Ints& b) { return to_float(a - b); }
};

template <>
struct Arithmetic<float> {
  using Values = Floats;
  struct Edge {
    Floats top, bottom;
  };

  static Floats fractions(const int32_t* from) {
    return to_float(load<Ints>(from)) * splat(1.0F / kOne);
  }
  static float fraction(int32_t b) { return static_cast<float>(b) / kOne; }

  static Edge edge(const Cell<float>& cell, int k, const Floats& a) {
    const Floats rest = splat(1.0F) - a;
    return {rest * splat(cell.corner[0][k]) + a * splat(cell.corner[1][k]),
            rest * splat(cell.corner[2][k]) + a * splat(cell.corner[3][k])};
  }
  static Floats at(const Edge& edge, float b) {
    return splat(1.0F - b) * edge.top + splat(b) * edge.bottom;
  }

  static constexpr float kLeast = -kLargest;
  static constexpr double kUnit = 1;
  static Floats difference(const Floats& a, const Floats& b) { return a - b; }
};

// ---- a piece: up to sixteen pixels beside each other in one cell ----

struct Piece {
  int x;
  int count;
};

// The piece of a run that begins at or after x. The last of a wide run reaches back over the one
// before it, so that all are whole.
Piece piece_at(const Run& run, int x) {
  const int left = run.end - x;
  if (left >= kPiece) return {x, kPiece};
  if (run.end - run.begin >= kPiece) return {run.end - kPiece, kPiece};
  return {x, left};
}

// Writes the piece of a row that is `width` long; other pixels keep their value.
void write(uint8_t* row, int width, const Piece& piece, const Bytes& classes) {
  uint8_t* to = row + piece.x;
  if (piece.count == kPiece) return store(to, classes);
#if defined(__AVX512BW__)
  (void)width;
  const auto here = static_cast<__mmask16>((1U << piece.count) - 1);
  _mm_mask_storeu_epi8(to, here, (__m128i)classes);
#else
  if (piece.x + kPiece <= width) {
    const Bytes lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const Bytes here = (Bytes)(lane < splat(static_cast<uint8_t>(piece.count)));
    return store(to, (classes & here) | (load<Bytes>(to) & ~here));
  }
  for (int n = 0; n < piece.count; ++n) to[n] = classes[n];
#endif
}

// ---- the pass ----

template <typename Source>
class Decoder {
  using Score = typename Source::Score;
  using Sums = Arithmetic<Score>;
  using Edge = typename Sums::Edge;
  using Values = typename Sums::Values;

 public:
  explicit Decoder(const DecodeJob& job)
      : job_(job), out_(job.out), edges_(static_cast<Edge*>(job.edges)) {}

  void decode() {
    for (int n = 0; n < job_.rows.run_count; ++n) {
      const Run& band = job_.rows.runs[n];
      near_ = grid_row(band.near);
      far_ = grid_row(band.far);
      if (out_.confidence != nullptr) {
        for (int r = 0; r < job_.columns.run_count; ++r) rank(band, job_.columns.runs[r]);
        continue;
      }
      const int disputed = settle(band);
      for (int d = 0; d < disputed; ++d) solve(band, job_.columns.runs[job_.disputed[d]]);
    }
  }

 private:
  uint8_t* row(int y) { return out_.classes + y * out_.classes_stride; }

  // Neighbouring rows are kept side by side, so each is prepared once.
  const GridRow* grid_row(int j) {
    GridRow* row = &job_.grid_rows[j & 1];
    if (row->index != j) prepare_row<Source>(job_, j, row);
    return row;
  }

  // Fills the cells whose corners agree; lists the others. Returns how many those are.
  int settle(const Run& band) {
    int disputed = 0;
    for (int n = 0; n < job_.columns.run_count; ++n) {
      const Run& run = job_.columns.runs[n];
      const uint16_t winner = near_->winners[run.near];
      const bool agreed = winner < kUnclear && winner == near_->winners[run.far] &&
                          winner == far_->winners[run.near] && winner == far_->winners[run.far];
      if (!agreed) {
        job_.disputed[disputed++] = n;
        continue;
      }
      const Bytes filled = splat(static_cast<uint8_t>(winner));
      for (int x = run.begin; x < run.end; x += kPiece) store(job_.line + x, filled);
      if (out_.counts != nullptr) {
        const int pixels = (run.end - run.begin) * (band.end - band.begin);
        out_.counts[winner] += static_cast<uint32_t>(pixels);
      }
    }
    if (disputed < job_.columns.run_count) {
      for (int y = band.begin; y < band.end; ++y) {
        memcpy(row(y), job_.line, static_cast<size_t>(out_.width));
      }
    }
    return disputed;
  }

  Cell<Score> cell(const Run& run) const {
    const auto at = [&](const GridRow* row, int i) {
      return static_cast<const Score*>(row->scores) + i * job_.padded_classes;
    };
    return {{at(near_, run.near), at(near_, run.far), at(far_, run.near), at(far_, run.far)}};
  }

  Rulers winners(const Run& run) const {
    Rulers rulers;
    const int sides[] = {run.near, run.far};
    for (const int i : sides) {
      rulers.add(near_->winners[i] % kUnclear);
      rulers.add(far_->winners[i] % kUnclear);
    }
    return rulers;
  }

  void solve(const Run& band, const Run& run) {
    uint8_t list[EDGESEG_MAX_CLASSES];
    const Cell<Score> corners = cell(run);
    const int count = contenders(corners, winners(run), 1, job_.scores.classes, list);
    for (int x = run.begin; x < run.end; x += kPiece) {
      solve_piece(band, piece_at(run, x), corners, list, count);
    }
    if (out_.counts != nullptr) count_cell(band, run);
  }

  void count_cell(const Run& band, const Run& run) {
    for (int y = band.begin; y < band.end; ++y) {
      for (int x = run.begin; x < run.end; ++x) ++out_.counts[row(y)[x]];
    }
  }

  // As solve, with the runner-up's value as well.
  void rank(const Run& band, const Run& run) {
    uint8_t list[EDGESEG_MAX_CLASSES];
    const Cell<Score> corners = cell(run);
    Rulers rulers = winners(run);
    const int winning = rulers.count;
    for (const Score* corner : corners.corner) {
      for (int n = 0; n < winning; ++n) {
        rulers.add(runner_up_of(corner, job_.scores.classes, rulers.classes[n]));
      }
    }
    const int count = contenders(corners, rulers, 2, job_.scores.classes, list);
    for (int x = run.begin; x < run.end; x += kPiece) {
      rank_piece(band, piece_at(run, x), corners, list, count);
    }
    if (out_.counts != nullptr) count_cell(band, run);
  }

  void rank_piece(const Run& band, const Piece& piece, const Cell<Score>& corners,
                  const uint8_t* list, int count) {
    const Values a = Sums::fractions(job_.columns.fractions + piece.x);
    const Floats factor = splat(static_cast<float>(out_.confidence_scale / Sums::kUnit));
    for (int n = 0; n < count; ++n) edges_[n] = Sums::edge(corners, list[n], a);
    for (int y = band.begin; y < band.end; ++y) {
      const auto b = Sums::fraction(job_.rows.fractions[y]);
      Values best = Sums::at(edges_[0], b), second = splat(Sums::kLeast);
      Ints winner = splat(int32_t{list[0]});
      for (int n = 1; n < count; ++n) {
        const Values value = Sums::at(edges_[n], b);
        second = greater_of(second, lesser_of(best, value));
        winner = select(value > best, splat(int32_t{list[n]}), winner);
        best = greater_of(value, best);
      }
      write(row(y), out_.width, piece, to_bytes(winner));
      write_confidence(y, piece, Sums::difference(best, second) * factor);
    }
  }

  void write_confidence(int y, const Piece& piece, const Floats& values) {
    uint8_t* to = static_cast<uint8_t*>(out_.confidence) + y * out_.confidence_stride;
    if (out_.confidence_dtype == EDGESEG_UINT8) {
      const Bytes bytes = to_bytes(to_int(lesser_of(values, splat(255.0F))));
      return write(to, out_.width, piece, bytes);
    }
    memcpy(to + static_cast<size_t>(piece.x) * sizeof(float), &values,
           static_cast<size_t>(piece.count) * sizeof(float));
  }

  void solve_piece(const Run& band, const Piece& piece, const Cell<Score>& corners,
                   const uint8_t* list, int count) {
    const Values a = Sums::fractions(job_.columns.fractions + piece.x);
    for (int n = 0; n < count; ++n) edges_[n] = Sums::edge(corners, list[n], a);
    for (int y = band.begin; y < band.end; ++y) {
      const auto b = Sums::fraction(job_.rows.fractions[y]);
      Values best = Sums::at(edges_[0], b);
      Ints winner = splat(int32_t{list[0]});
      for (int n = 1; n < count; ++n) {
        const Values value = Sums::at(edges_[n], b);
        winner = select(value > best, splat(int32_t{list[n]}), winner);
        best = greater_of(value, best);
      }
      write(row(y), out_.width, piece, to_bytes(winner));
    }
  }

  const DecodeJob& job_;
  const edgeseg_decoded& out_;
  Edge* edges_;
  const GridRow* near_ = nullptr;
  const GridRow* far_ = nullptr;
};

}  // namespace

void decode(const DecodeJob& job) {
  switch (job.scores.dtype) {
    case EDGESEG_INT8:
      return Decoder<Source<EDGESEG_INT8>>(job).decode();
    case EDGESEG_UINT8:
      return Decoder<Source<EDGESEG_UINT8>>(job).decode();
    case EDGESEG_FLOAT16:
      return Decoder<Source<EDGESEG_FLOAT16>>(job).decode();
    case EDGESEG_FLOAT32:
      return Decoder<Source<EDGESEG_FLOAT32>>(job).decode();
    case EDGESEG_INT16:
      return;  // no score type; native/decode.cc refuses it
  }
}

}  // namespace EDGESEG_TARGET
}  // namespace edgeseg
