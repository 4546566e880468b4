#include "spans.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace edgeseg {
namespace {

// Whole numbers below 2^53 times a factor: the same bits here and in NumPy.
uint32_t rounded(int64_t length, double factor) {
  return static_cast<uint32_t>(static_cast<double>(length) * factor + 0.5);
}

Spans spans_of(int to, int taps) {
  const auto count = static_cast<size_t>(to);
  return {taps, taps <= kFewTaps ? kFewUnit : kManyUnit, std::vector<int32_t>(count),
          std::vector<uint32_t>(count * static_cast<size_t>(taps))};
}

// The most source pixels that one of `to` pixels touches: it begins at any whole part of one.
int area_taps(int from, int to) {
  const int common = std::gcd(from, to);
  return (from + to - 2 * common) / to + 1;
}

}  // namespace

// Lengths are in 1/to of a source pixel, so that all are whole; each weight is the difference of
// two rounded lengths from the pixel's begin, so that they add up.
Spans area_spans(int from, int to) {
  Spans spans = spans_of(to, area_taps(from, to));
  const double factor = static_cast<double>(spans.unit) / from;
  uint32_t* weight = spans.weights.data();
  for (int i = 0; i < to; ++i) {
    const int64_t begin = static_cast<int64_t>(i) * from, end = begin + from;
    const int64_t start = begin / to;
    spans.starts[static_cast<size_t>(i)] = static_cast<int32_t>(start);
    uint32_t before = 0;
    for (int t = 0; t < spans.taps; ++t) {
      const uint32_t sum = rounded(std::min((start + t + 1) * to, end) - begin, factor);
      *weight++ = sum - before;
      before = sum;
    }
  }
  return spans;
}

Spans bilinear_spans(int from, int to) {
  Spans spans = spans_of(to, 2);
  const int64_t step = 2 * static_cast<int64_t>(to);  // one source pixel, so that centres are whole
  const double factor = static_cast<double>(spans.unit) / static_cast<double>(step);
  for (int64_t i = 0; i < to; ++i) {
    const int64_t centre = (2 * i + 1) * from - to;
    const int64_t place = std::clamp<int64_t>(centre, 0, (from - 1) * step);
    const uint32_t second = rounded(place % step, factor);
    spans.starts[static_cast<size_t>(i)] = static_cast<int32_t>(place / step);
    spans.weights[static_cast<size_t>(2 * i)] = spans.unit - second;
    spans.weights[static_cast<size_t>(2 * i + 1)] = second;
  }
  return spans;
}

}  // namespace edgeseg
