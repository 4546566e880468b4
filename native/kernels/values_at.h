// The value of a class at sixteen pixels beside each other, or at eight; decode.cc has the
// formulas.
#pragma once

#include "contenders.h"

namespace edgeseg {
namespace EDGESEG_TARGET {

// An Edge holds what does not change from row to row of a cell.
template <typename Score, int kCount>
struct Arithmetic;

template <int kCount>
struct Arithmetic<uint8_t, kCount> {
  using Values = SomeInts<kCount>;
  using Fraction = int32_t;
  struct Edge {
    Values first, step;
  };

  static Values fractions(const int32_t* from) { return load<Values>(from); }
  static Fraction fraction(int32_t b) { return b; }

  static Edge edge(const Cell<uint8_t>& cell, int k, const Values& a) {
    const int near = cell.corner[0][k], far = cell.corner[1][k];
    const int near_step = cell.corner[2][k] - near, far_step = cell.corner[3][k] - far;
    return {every<Values>(near * kOne * kOne) + a * every<Values>((far - near) * kOne),
            every<Values>(near_step * kOne) + a * every<Values>(far_step - near_step)};
  }
  static Values at(const Edge& edge, int32_t b) {
    return edge.first + edge.step * every<Values>(b);
  }

  // From here on the first class counts as 0, and the others by how much they are above it: one
  // product less, and nothing overflows, as 2 * 255 * kOne * kOne is below 2^31.
  static void relate(Edge* edges, int count) {
    for (int n = 1; n < count; ++n) {
      edges[n] = {edges[n].first - edges[0].first, edges[n].step - edges[0].step};
    }
  }
  static Values first_at(const Edge&, int32_t) { return every<Values>(0); }

  static constexpr int32_t kLeast = INT32_MIN;
  // How many of a difference of values make a difference of 1 in scores.
  static constexpr double kUnit = double{kOne} * kOne;
  static SomeFloats<kCount> difference(const Values& a, const Values& b) { return to_float(a - b); }
};

template <int kCount>
struct Arithmetic<float, kCount> {
  using Values = SomeFloats<kCount>;
  using Fraction = float;
  struct Edge {
    Values top, bottom;
  };

  static Values fractions(const int32_t* from) {
    return to_float(load<SomeInts<kCount>>(from)) * every<Values>(1.0F / kOne);
  }
  static Fraction fraction(int32_t b) { return static_cast<float>(b) / kOne; }

  static Edge edge(const Cell<float>& cell, int k, const Values& a) {
    const Values rest = every<Values>(1.0F) - a;
    return {rest * every<Values>(cell.corner[0][k]) + a * every<Values>(cell.corner[1][k]),
            rest * every<Values>(cell.corner[2][k]) + a * every<Values>(cell.corner[3][k])};
  }
  static Values at(const Edge& edge, float b) {
    return every<Values>(1.0F - b) * edge.top + every<Values>(b) * edge.bottom;
  }
  static void relate(Edge*, int) {}  // a difference would be rounded another way
  static Values first_at(const Edge& edge, float b) { return at(edge, b); }

  static constexpr float kLeast = -kLargest;
  static constexpr double kUnit = 1;
  static Values difference(const Values& a, const Values& b) { return a - b; }
};

}  // namespace EDGESEG_TARGET
}  // namespace edgeseg
