#include "decode.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <vector>

namespace edgeseg {
namespace {

// Pixels of one row of one cell that are solved together; long runs are cut into such pieces.
constexpr int kPiece = 64;

// 8-bit scores are summed in int32, exactly; float scores in double.
template <typename T>
struct SumOf {
  using Type = int32_t;
};
template <>
struct SumOf<float> {
  using Type = double;
};

// Consecutive pixels (columns or rows) whose positions lie in the same cell.
struct Run {
  int begin;
  int end;
  int near;  // index of the grid point at or before the pixels
  int far;   // its neighbour, clamped to the grid
};

std::vector<Run> runs_of(const Axis& axis, int cells) {
  std::vector<Run> runs;
  for (int n = 0; n < axis.count; ++n) {
    const int near = axis.positions[n] >> kFractionBits;
    if (runs.empty() || runs.back().near != near) {
      runs.push_back({n, n, near, std::min(near + 1, cells - 1)});
    }
    runs.back().end = n + 1;
  }
  return runs;
}

template <typename T>
uint8_t greatest(const T* scores, int classes) {
  int best = 0;
  for (int k = 1; k < classes; ++k) {
    if (scores[k] > scores[best]) best = k;
  }
  return static_cast<uint8_t>(best);
}

template <typename T>
const T* point(const Scores<T>& scores, int j, int i) {
  const auto index = static_cast<std::ptrdiff_t>(j) * scores.width + i;
  return scores.data + index * scores.classes;
}

// The winner at each grid point of one row, made when a band of pixels first needs that row.
template <typename T>
class WinnerRows {
 public:
  explicit WinnerRows(const Scores<T>& scores)
      : scores_(scores),
        made_(static_cast<size_t>(scores.height)),
        winners_(static_cast<size_t>(scores.height) * static_cast<size_t>(scores.width)) {}

  const uint8_t* row(int j) {
    uint8_t* winners = winners_.data() + static_cast<std::ptrdiff_t>(j) * scores_.width;
    if (!made_[static_cast<size_t>(j)]) {
      for (int i = 0; i < scores_.width; ++i) {
        winners[i] = greatest(point(scores_, j, i), scores_.classes);
      }
      made_[static_cast<size_t>(j)] = true;
    }
    return winners;
  }

 private:
  const Scores<T>& scores_;
  std::vector<bool> made_;
  std::vector<uint8_t> winners_;
};

// The scores and the winners at a cell's corners: near and far column of the near, then the far
// row.
template <typename T>
struct Cell {
  std::array<const T*, 4> scores;
  std::array<uint8_t, 4> winners;
};

template <typename T>
bool beats(const Cell<T>& cell, int k, int d) {
  for (const T* corner : cell.scores) {
    if (corner[k] < corner[d] || (k > d && corner[k] == corner[d])) return false;
  }
  return true;
}

// The classes that no corner's winner beats, in rising order: all that can win in the cell.
template <typename T>
int contenders(const Cell<T>& cell, int classes, uint8_t* list) {
  int count = 0;
  for (int d = 0; d < classes; ++d) {
    const bool beaten = std::any_of(cell.winners.begin(), cell.winners.end(),
                                    [&](int k) { return k != d && beats(cell, k, d); });
    if (!beaten) list[count++] = static_cast<uint8_t>(d);
  }
  return count;
}

// Values of the contenders along the top and the bottom of a cell, for one piece of its columns.
template <typename Sum>
struct Edges {
  std::array<Sum, kPiece> top;
  std::array<Sum, kPiece> bottom;
};

template <typename Sum>
void interpolate(Sum near, Sum far, const int32_t* positions, int count, Sum* values) {
  for (int x = 0; x < count; ++x) {
    const int32_t a = positions[x] & (kOne - 1);
    values[x] = static_cast<Sum>(kOne - a) * near + static_cast<Sum>(a) * far;
  }
}

// One row of one piece: the first contender with the greatest value at each pixel.
template <typename Sum>
void solve_row(const Edges<Sum>* edges, const uint8_t* list, int contenders, Sum b, int count,
               uint8_t* out) {
  std::array<Sum, kPiece> best;
  std::array<Sum, kPiece> winner;  // as wide as the values, so that compilers vectorise the loop
  const Sum rest = static_cast<Sum>(kOne) - b;
  for (int x = 0; x < count; ++x) {
    best[x] = rest * edges[0].top[x] + b * edges[0].bottom[x];
    winner[x] = static_cast<Sum>(list[0]);
  }
  for (int n = 1; n < contenders; ++n) {
    const Edges<Sum>& edge = edges[n];
    const Sum name = static_cast<Sum>(list[n]);
    for (int x = 0; x < count; ++x) {
      const Sum value = rest * edge.top[x] + b * edge.bottom[x];
      winner[x] = value > best[x] ? name : winner[x];
      best[x] = value > best[x] ? value : best[x];
    }
  }
  for (int x = 0; x < count; ++x) out[x] = static_cast<uint8_t>(winner[x]);
}

template <typename T>
class BilinearDecoder {
  using Sum = typename SumOf<T>::Type;

 public:
  BilinearDecoder(const Scores<T>& scores, const Axis& columns, const Axis& rows, uint8_t* out)
      : scores_(scores),
        columns_(columns),
        rows_(rows),
        out_(out),
        winners_(scores),
        column_runs_(runs_of(columns, scores.width)),
        edges_(static_cast<size_t>(scores.classes)) {}

  void decode() {
    for (const Run& band : runs_of(rows_, scores_.height)) {
      fill_agreed(band);
      for (int y = band.begin + 1; y < band.end; ++y) {
        std::memcpy(out_row(y), out_row(band.begin), static_cast<size_t>(columns_.count));
      }
      for (const Run* run : disputed_) solve(band, *run);
    }
  }

 private:
  uint8_t* out_row(int y) { return out_ + static_cast<std::ptrdiff_t>(y) * columns_.count; }

  // Fills the cells whose corners agree in the band's first row; the others are left in disputed_.
  void fill_agreed(const Run& band) {
    const uint8_t* near = winners_.row(band.near);
    const uint8_t* far = winners_.row(band.far);
    uint8_t* first = out_row(band.begin);
    disputed_.clear();
    for (const Run& run : column_runs_) {
      const uint8_t winner = near[run.near];
      if (winner == near[run.far] && winner == far[run.near] && winner == far[run.far]) {
        std::memset(first + run.begin, winner, static_cast<size_t>(run.end - run.begin));
      } else {
        disputed_.push_back(&run);
      }
    }
  }

  void solve(const Run& band, const Run& run) {
    const Cell<T> cell = cell_at(band, run);
    std::array<uint8_t, kMaxClasses> list;
    const int count = contenders(cell, scores_.classes, list.data());
    for (int x = run.begin; x < run.end; x += kPiece) {
      solve_piece(band, cell, list.data(), count, x, std::min(kPiece, run.end - x));
    }
  }

  void solve_piece(const Run& band, const Cell<T>& cell, const uint8_t* list, int contenders, int x,
                   int count) {
    const int32_t* positions = columns_.positions + x;
    for (int n = 0; n < contenders; ++n) {
      const auto at = [&](int corner) { return static_cast<Sum>(cell.scores[corner][list[n]]); };
      Edges<Sum>& edge = edges_[static_cast<size_t>(n)];
      interpolate(at(0), at(1), positions, count, edge.top.data());
      interpolate(at(2), at(3), positions, count, edge.bottom.data());
    }
    for (int y = band.begin; y < band.end; ++y) {
      const Sum b = static_cast<Sum>(rows_.positions[y] & (kOne - 1));
      solve_row(edges_.data(), list, contenders, b, count, out_row(y) + x);
    }
  }

  Cell<T> cell_at(const Run& band, const Run& run) {
    const uint8_t* near = winners_.row(band.near);
    const uint8_t* far = winners_.row(band.far);
    return {{point(scores_, band.near, run.near), point(scores_, band.near, run.far),
             point(scores_, band.far, run.near), point(scores_, band.far, run.far)},
            {near[run.near], near[run.far], far[run.near], far[run.far]}};
  }

  const Scores<T>& scores_;
  const Axis& columns_;
  const Axis& rows_;
  uint8_t* out_;
  WinnerRows<T> winners_;
  std::vector<Run> column_runs_;
  std::vector<const Run*> disputed_;
  std::vector<Edges<Sum>> edges_;
};

int nearest_cell(int32_t position) { return (position + kOne / 2) >> kFractionBits; }

}  // namespace

template <typename T>
void decode_bilinear(const Scores<T>& scores, const Axis& columns, const Axis& rows, uint8_t* out) {
  BilinearDecoder<T>(scores, columns, rows, out).decode();
}

template <typename T>
void decode_nearest(const Scores<T>& scores, const Axis& columns, const Axis& rows, uint8_t* out) {
  WinnerRows<T> winners(scores);
  for (int y = 0; y < rows.count; ++y) {
    const uint8_t* cells = winners.row(nearest_cell(rows.positions[y]));
    for (int x = 0; x < columns.count; ++x) *out++ = cells[nearest_cell(columns.positions[x])];
  }
}

template void decode_bilinear(const Scores<int8_t>&, const Axis&, const Axis&, uint8_t*);
template void decode_bilinear(const Scores<uint8_t>&, const Axis&, const Axis&, uint8_t*);
template void decode_bilinear(const Scores<float>&, const Axis&, const Axis&, uint8_t*);
template void decode_nearest(const Scores<int8_t>&, const Axis&, const Axis&, uint8_t*);
template void decode_nearest(const Scores<uint8_t>&, const Axis&, const Axis&, uint8_t*);
template void decode_nearest(const Scores<float>&, const Axis&, const Axis&, uint8_t*);

}  // namespace edgeseg
