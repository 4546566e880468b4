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
#include "kernels.h"
#include "values_at.h"

namespace edgeseg {
namespace EDGESEG_TARGET {
namespace {

// ---- a piece: up to sixteen pixels beside each other in one cell ----

constexpr int kHalfPiece = 8;

struct Piece {
  int x;
  int count;

  // Whether half the vectors are enough; AVX-512 has no halves.
  bool is_half() const { return kParts > 1 && count <= kHalfPiece; }
};

// The piece of a run that begins at or after x. The last of a wide run reaches back over the one
// before it, so that all are whole.
Piece piece_at(const Run& run, int x) {
  const int left = run.end - x;
  const int whole = kParts > 1 && left <= kHalfPiece ? kHalfPiece : kPiece;
  if (left >= whole) return {x, whole};
  if (run.end - run.begin >= whole) return {run.end - whole, whole};
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
  if (piece.count == kHalfPiece) {
    memcpy(to, &classes, kHalfPiece);
  } else if (piece.x + kPiece <= width) {
    const Bytes lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const Bytes here = (Bytes)(lane < splat(static_cast<uint8_t>(piece.count)));
    store(to, (classes & here) | (load<Bytes>(to) & ~here));
  } else {
    memcpy(to, &classes, static_cast<size_t>(piece.count));
  }
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

 public:
  explicit Decoder(const DecodeJob& job) : job_(job), out_(job.out) {}

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
      if (piece.is_half()) {
        solve_piece<kHalf>(band, piece, corners, list);
      } else {
        solve_piece<kParts>(band, piece, corners, list);
      }
    }
    if (out_.counts != nullptr) count_cell(band, run, list);
  }

  template <int kCount>
  void solve_piece(const Run& band, const Piece& piece, const Cell<Score>& corners,
                   const Contenders& list) {
    // A number known to the compiler lets it keep the edges in registers.
    switch (list.count) {
      case 2:
        return solve_classes<kCount, 2>(band, piece, corners, list);
      case 3:
        return solve_classes<kCount, 3>(band, piece, corners, list);
      default:
        return solve_classes<kCount, 0>(band, piece, corners, list);
    }
  }

  template <int kCount, int kClasses>
  void solve_classes(const Run& band, const Piece& piece, const Cell<Score>& corners,
                     const Contenders& list) {
    using Sums = Arithmetic<Score, kCount>;
    using Names = SomeInts<kCount>;
    // Rows that are done together, where there are registers for it: the scores of a class are then
    // read once for all, and the end of the loop over the classes is guessed wrong less often.
    constexpr int kRows = kCount > 1 ? 1 : kLanes == 16 ? 4 : 2;
    typename Sums::Edge few[kClasses + 1];
    auto* edges = kClasses > 0 ? few : static_cast<typename Sums::Edge*>(job_.edges);
    const int count = kClasses > 0 ? kClasses : list.count;
    find_edges<Sums>(piece, corners, list, edges);
    for (int y = band.begin; y < band.end; y += kRows) {
      // Where fewer rows are left, the last one is done again.
      const auto row_of = [&](int r) { return y + r < band.end ? y + r : band.end - 1; };
      typename Sums::Fraction b[kRows];
      typename Sums::Values best[kRows];
      Names winner[kRows];
      for (int r = 0; r < kRows; ++r) {
        b[r] = Sums::fraction(job_.rows.fractions[row_of(r)]);
        best[r] = Sums::first_at(edges[0], b[r]);
        winner[r] = every<Names>(list.classes[0]);
      }
      for (int n = 1; n < count; ++n) {
        const auto& edge = edges[n];
        const Names name = every<Names>(list.classes[n]);
        for (int r = 0; r < kRows; ++r) {
          const auto value = Sums::at(edge, b[r]);
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
      const Piece piece = piece_at(run, x);
      if (piece.is_half()) {
        rank_piece<kHalf>(band, piece, corners, list);
      } else {
        rank_piece<kParts>(band, piece, corners, list);
      }
    }
    if (out_.counts != nullptr) count_cell(band, run, list);
  }

  template <int kCount>
  void rank_piece(const Run& band, const Piece& piece, const Cell<Score>& corners,
                  const Contenders& list) {
    using Sums = Arithmetic<Score, kCount>;
    using Names = SomeInts<kCount>;
    auto* edges = static_cast<typename Sums::Edge*>(job_.edges);
    const auto factor =
        every<SomeFloats<kCount>>(static_cast<float>(out_.confidence_scale / Sums::kUnit));
    find_edges<Sums>(piece, corners, list, edges);
    for (int y = band.begin; y < band.end; ++y) {
      const auto b = Sums::fraction(job_.rows.fractions[y]);
      auto best = Sums::first_at(edges[0], b);
      auto second = every<typename Sums::Values>(Sums::kLeast);
      Names winner = every<Names>(list.classes[0]);
      for (int n = 1; n < list.count; ++n) {
        const auto value = Sums::at(edges[n], b);
        second = greater_of(second, lesser_of(best, value));
        winner = select(value > best, every<Names>(list.classes[n]), winner);
        best = greater_of(value, best);
      }
      write(row(y), out_.width, piece, to_bytes(winner));
      write_confidence(y, piece, Sums::difference(best, second) * factor);
    }
  }

  template <typename Sums>
  void find_edges(const Piece& piece, const Cell<Score>& corners, const Contenders& list,
                  typename Sums::Edge* edges) {
    const auto a = Sums::fractions(job_.columns.fractions + piece.x);
    for (int n = 0; n < list.count; ++n) edges[n] = Sums::edge(corners, list.classes[n], a);
    Sums::relate(edges, list.count);
  }

  template <int kCount>
  void write_confidence(int y, const Piece& piece, const SomeFloats<kCount>& values) {
    uint8_t* to = static_cast<uint8_t*>(out_.confidence) + y * out_.confidence_stride;
    if (out_.confidence_dtype == EDGESEG_UINT8) {
      const auto steps = to_int(lesser_of(values, every<SomeFloats<kCount>>(255.0F)));
      return write(to, out_.width, piece, to_bytes(steps));
    }
    to += static_cast<size_t>(piece.x) * sizeof(float);
    if (piece.count == kCount * kLanes) return store(to, values);
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
