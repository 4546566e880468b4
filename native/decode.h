// From coarse class scores to a class map at frame size, in one pass.
//
// Grid point (i, j) of the scores lies at fixed-point position (i << 11, j << 11). The value of
// class k at a pixel with column position p and row position q is the bilinear interpolation
//
//   i = p >> 11, a = p & 2047, j = q >> 11, b = q & 2047, the far neighbour clamped to the grid
//   top    = (2048 - a) * score[j][i][k]     + a * score[j][i + 1][k]
//   bottom = (2048 - a) * score[j + 1][i][k] + a * score[j + 1][i + 1][k]
//   value  = (2048 - b) * top + b * bottom
//
// in int32 for 8-bit scores (at most 255 * 2^22, so exact) and in double for float scores. The
// pixel's class is the lowest k among those with the greatest value. edgeseg/kernels_numpy.py does
// just that.
//
// Here most of that work is skipped, and the result is still the same, ties included:
//
// Class k beats class d in a cell if at each of the cell's four corners score[k] > score[d], or,
// when k < d, score[k] >= score[d]. All pixels of the cell then prefer k to d. The four weights are
// not negative and sum to 2^22, so the value of k is at least that of d, which is all that is
// needed when k < d (a tie goes to k). When k > d each corner is strict, and at least one has a
// weight above zero, so the value of k is strictly greater. Hence a class beaten by another wins
// nowhere in the cell; "beats" is a strict partial order, so those that remain decide alone; and a
// class that is the lowest-index winner at all four corners beats every other class and fills the
// cell. At the edges of the grid, neighbours are clamped: a cell's corners may coincide, which
// changes none of this.
//
// With float scores the sums are rounded, but two orderings survive. Rounding is monotonic, so >=
// does. And > does: let m be the greatest product of weight and |score| among the corners of both
// classes. Unequal floats of magnitude x differ by at least x * 2^-24, so the exact values differ
// by at least m * 2^-24, while all roundings in double together cost less than m * 2^-48. This
// needs finite scores; the caller sees to that. Fused multiply-adds are off, so that NumPy rounds
// at the same places.
#pragma once

#include <cstdint>

namespace edgeseg {

constexpr int kFractionBits = 11;
constexpr int32_t kOne = 1 << kFractionBits;
constexpr int kMaxClasses = 256;

// Scores of a grid, row after row, the classes of one point side by side; finite.
template <typename T>
struct Scores {
  const T* data;
  int height;
  int width;
  int classes;  // 1 to kMaxClasses
};

// Where the pixels of the output lie on the grid: positions[n] is in 0 .. (cells - 1) <<
// kFractionBits.
struct Axis {
  const int32_t* positions;
  int count;
};

// Writes rows.count * columns.count classes to `out`: bilinear interpolation, then the greatest
// class.
template <typename T>
void decode_bilinear(const Scores<T>& scores, const Axis& columns, const Axis& rows, uint8_t* out);

// The same with each pixel taking the greatest class of its nearest grid point (halves go up).
template <typename T>
void decode_nearest(const Scores<T>& scores, const Axis& columns, const Axis& rows, uint8_t* out);

}  // namespace edgeseg
