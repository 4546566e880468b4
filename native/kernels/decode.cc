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
  using Fraction = int32_t;
  struct Edge {
    Ints first, step;
  };

  static Ints fractions(const int32_t* from) { return load<Ints>(from); }
  static Fraction fraction(int32_t b) { return b; }

  static Edge edge(const Cell<uint8_t>& cell, int k, const Ints& a) {
    const int near = cell.corner[0][k], far = cell.corner[1][k];
    const int near_step = cell.corner[2][k] - near, far_step = cell.corner[3][k] - far;
    return {splat(near * kOne * kOne) + a * splat((far - near) * kOne),
            splat(near_step * kOne) + a * splat(far_step - near_step)};
  }
  static Ints at(const Edge& edge, int32_t b) { return edge.first + edge.step * splat(b); }

  // From here on the first class counts as 0, and the others by how much they are above it: one
  // product less, and nothing overflows, as 2 * 255 * kOne * kOne is below 2^31.
  static void relate(Edge* edges, int count) {
    for (int n = 1; n < count; ++n) {
      edges[n] = {edges[n].first - edges[0].first, edges[n].step - edges[0].step};
    }
  }
  static Ints first_at(const Edge&, int32_t) { return splat(0); }

  static constexpr int32_t kLeast = INT32_MIN;
  // How many of a difference of values make a difference of 1 in scores.
  static constexpr double kUnit = double{kOne} * kOne;
  static Floats difference(const Ints& a, const Ints& b) { return to_float(a - b); }
};

template <>
struct Arithmetic<float> {
  using Values = Floats;
  using Fraction = float;
  struct Edge {
    Floats top, bottom;
  };

  static Floats fractions(const int32_t* from) {
    return to_float(load<Ints>(from)) * splat(1.0F / kOne);
  }
  static Fraction fraction(int32_t b) { return static_cast<float>(b) / kOne; }

  static Edge edge(const Cell<float>& cell, int k, const Floats& a) {
    const Floats rest = splat(1.0F) - a;
    return {rest * splat(cell.corner[0][k]) + a * splat(cell.corner[1][k]),
            rest * splat(cell.corner[2][k]) + a * splat(cell.corner[3][k])};
  }
  static Floats at(const Edge& edge, float b) {
    return splat(1.0F - b) * edge.top + splat(b) * edge.bottom;
  }
  static void relate(Edge*, int) {}  // a difference would be rounded another way
  static Floats first_at(const Edge& edge, float b) { return at(edge, b); }

  static constexpr float kLeast = -kLargest;
  static constexpr double kUnit = 1;
  static Floats difference(const Floats& a, const Floats& b) { return a - b; }
};

// Rows of a cell that are done together, as many as fill the registers: the scores of a class are
// then read once for all of them, and the end of the loop over the classes is guessed wrong less.
constexpr int kRows = kLanes == 16 ? 4 : 1;

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

int count_equal(const uint8_t* bytes, int count, uint8_t wanted) {
  int found = 0;
  for (; count >= kPiece; bytes += kPiece, count -= kPiece) {
    found += __builtin_popcount(bits((Bytes)(load<Bytes>(bytes) == splat(wanted))));
  }
  for (int n = 0; n < count; ++n) found += bytes[n] == wanted;
  return found;
}

// ---- the pass ----

template <typename Source>
class Decoder {
  using Score = typename Source::Score;
  using Sums = Arithmetic<Score>;
  using Edge = typename Sums::Edge;
  using Values = typename Sums::Values;
  using Fraction = typename Sums::Fraction;

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

  // The winners and the runners-up at the corners.
  Rulers leaders(const Run& run) const {
    Rulers rulers = winners(run);
    const int sides[] = {run.near, run.far};
    for (const int i : sides) {
      rulers.add(near_->runners_up[i]);
      rulers.add(far_->runners_up[i]);
    }
    return rulers;
  }

  void solve(const Run& band, const Run& run) {
    const Cell<Score> corners = cell(run);
    Contenders list;
    list.find(corners, winners(run), 1, job_.scores.classes);
    for (int x = run.begin; x < run.end; x += kPiece) {
      const Piece piece = piece_at(run, x);
      // A number known to the compiler lets it keep the edges in registers.
      switch (list.count) {
        case 2:
          solve_piece<2>(band, piece, corners, list);
          break;
        case 3:
          solve_piece<3>(band, piece, corners, list);
          break;
        default:
          solve_piece<0>(band, piece, corners, list);
      }
    }
    if (out_.counts != nullptr) count_cell(band, run, list);
  }

  template <int kCount>
  void solve_piece(const Run& band, const Piece& piece, const Cell<Score>& corners,
                   const Contenders& list) {
    Edge few[kCount + 1];
    Edge* edges = kCount > 0 ? few : edges_;
    const int count = kCount > 0 ? kCount : list.count;
    find_edges(piece, corners, list, edges);
    for (int y = band.begin; y < band.end; y += kRows) {
      // Where fewer rows are left, the last one is done again.
      const auto row_of = [&](int r) { return y + r < band.end ? y + r : band.end - 1; };
      Fraction b[kRows];
      Values best[kRows];
      Ints winner[kRows];
      for (int r = 0; r < kRows; ++r) {
        b[r] = Sums::fraction(job_.rows.fractions[row_of(r)]);
        best[r] = Sums::first_at(edges[0], b[r]);
        winner[r] = splat(list.classes[0]);
      }
      for (int n = 1; n < count; ++n) {
        const Edge& edge = edges[n];
        const Ints name = splat(list.classes[n]);
        for (int r = 0; r < kRows; ++r) {
          const Values value = Sums::at(edge, b[r]);
          winner[r] = select(value > best[r], name, winner[r]);
          best[r] = greater_of(value, best[r]);
        }
      }
      for (int r = 0; r < kRows; ++r) {
        write(row(row_of(r)), out_.width, piece, to_bytes(winner[r]));
      }
    }
  }

  // As solve, with the runner-up's value as well.
  void rank(const Run& band, const Run& run) {
    const Cell<Score> corners = cell(run);
    Contenders list;
    list.find(corners, leaders(run), 2, job_.scores.classes);
    for (int x = run.begin; x < run.end; x += kPiece) {
      rank_piece(band, piece_at(run, x), corners, list);
    }
    if (out_.counts != nullptr) count_cell(band, run, list);
  }

  void rank_piece(const Run& band, const Piece& piece, const Cell<Score>& corners,
                  const Contenders& list) {
    const Floats factor = splat(static_cast<float>(out_.confidence_scale / Sums::kUnit));
    find_edges(piece, corners, list, edges_);
    for (int y = band.begin; y < band.end; ++y) {
      const auto b = Sums::fraction(job_.rows.fractions[y]);
      Values best = Sums::first_at(edges_[0], b), second = splat(Sums::kLeast);
      Ints winner = splat(list.classes[0]);
      for (int n = 1; n < list.count; ++n) {
        const Values value = Sums::at(edges_[n], b);
        second = greater_of(second, lesser_of(best, value));
        winner = select(value > best, splat(list.classes[n]), winner);
        best = greater_of(value, best);
      }
      write(row(y), out_.width, piece, to_bytes(winner));
      write_confidence(y, piece, Sums::difference(best, second) * factor);
    }
  }

  void find_edges(const Piece& piece, const Cell<Score>& corners, const Contenders& list,
                  Edge* edges) {
    const Values a = Sums::fractions(job_.columns.fractions + piece.x);
    for (int n = 0; n < list.count; ++n) edges[n] = Sums::edge(corners, list.classes[n], a);
    Sums::relate(edges, list.count);
  }

  void write_confidence(int y, const Piece& piece, const Floats& values) {
    uint8_t* to = static_cast<uint8_t*>(out_.confidence) + y * out_.confidence_stride;
    if (out_.confidence_dtype == EDGESEG_UINT8) {
      const Bytes bytes = to_bytes(to_int(lesser_of(values, splat(255.0F))));
      return write(to, out_.width, piece, bytes);
    }
    to += static_cast<size_t>(piece.x) * sizeof(float);
    if (piece.count == kPiece) return store(to, values);
    memcpy(to, &values, static_cast<size_t>(piece.count) * sizeof(float));
  }

  // Only contenders can be in the cell, and what the others have not is the first one's.
  void count_cell(const Run& band, const Run& run, const Contenders& list) {
    int others = 0;
    for (int n = 1; n < list.count; ++n) {
      int found = 0;
      for (int y = band.begin; y < band.end; ++y) {
        found += count_equal(row(y) + run.begin, run.end - run.begin,
                             static_cast<uint8_t>(list.classes[n]));
      }
      out_.counts[list.classes[n]] += static_cast<uint32_t>(found);
      others += found;
    }
    const int pixels = (run.end - run.begin) * (band.end - band.begin);
    out_.counts[list.classes[0]] += static_cast<uint32_t>(pixels - others);
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
