// Which source pixels make a pixel of a resized picture, along one axis, and with which weights.
#pragma once

#include <cstdint>
#include <vector>

namespace edgeseg {

// Up to so many source pixels take weights of 16 bits, more take 24.
constexpr int kFewTaps = 64;
constexpr uint32_t kFewUnit = 65535;
constexpr uint32_t kManyUnit = 1 << 24;

// Pixel i is the sum over t < taps of source pixel starts[i] + t times weights[i * taps + t]. The
// weights of a pixel add up to kFewUnit or kManyUnit; those of sources beyond the last are 0.
struct Spans {
  int taps;
  uint32_t unit;
  std::vector<int32_t> starts;
  std::vector<uint32_t> weights;
};

// Each pixel is the mean of the area it covers; `to` is at most `from`.
Spans area_spans(int from, int to);

// Between the two nearest pixels, with half-pixel centres; the edge is continued.
Spans bilinear_spans(int from, int to);

}  // namespace edgeseg
