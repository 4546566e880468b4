// The row kernels of edgeseg_prepare; native/resizer.h says how they work together. None reads or
// writes beyond what its comment says.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace edgeseg {

constexpr int kAhead = 2;
constexpr int kPixelBlock = 8;    // `combine` makes so many pixels at a time
constexpr int kBlockLanes = 32;   // or so many elements, where it can pick them
constexpr int kReach = 128;       // from among so many
constexpr int kPairLanes = 8;     // two neighbours of three channels, and two lanes of nothing
constexpr size_t kPattern = 192;  // three of the widest registers: whole pixels and whole registers
constexpr size_t kFloatPattern = 48;

// The source columns of each output column: pixel i takes `groups` pairs of neighbours, from
// element starts[i] on (three to a pixel). For each block of eight pixels, each of its first four
// pixels p and each group, `weights` has eight 0.16 numbers for pixel p and eight for p + 4: three
// times the weight of the pair's first neighbour, three times the second's, and two zeros.
struct Columns {
  int blocks;
  int groups;
  uint16_t rounding;
  const int32_t* starts;
  const uint16_t* weights;
};

// The same for kernels that pick any elements of a few registers at once: block b makes 32 elements
// of the output, each from those at bases[b] + places[32 * b + i] + 3 * t with weights
// [block][tap][32]. Places are below `reach`, 64 or kReach.
struct Picks {
  int blocks;
  int taps;
  int reach;
  uint16_t rounding;
  const int32_t* bases;
  const uint16_t* places;
  const uint16_t* weights;
};

// value = saturate((((pixel << 8 | low) * scale >> 16) + offset) >> shift) ^ flip as signed bytes;
// low, scale and offset (as low and high bytes) of each channel in turn.
struct Affine {
  int shift;
  uint8_t flip;
  uint8_t low[kPattern];
  uint8_t scale[2][kPattern];
  uint8_t offset[2][kPattern];
};

struct PrepareKernels {
  // out[x] = bias + the sum over taps of (rows[t][x] * weights[t] >> 8): 8.8 fixed point. After
  // the taps' rows come kAhead more that are only fetched, for the next row.
  void (*accumulate)(const uint8_t* const* rows, const uint16_t* weights, int taps, size_t count,
                     uint16_t bias, uint16_t* out);
  // out[x] = (the sum of rows[t][x] * weights[t]) + 2^15 >> 16, with 0.24 weights: for many taps.
  void (*accumulate_many)(const uint8_t* const* rows, const uint32_t* weights, int taps,
                          size_t count, uint16_t* out);
  // Pixel i is rounding + the sum over its weights of (sums[x] * weight >> 16), >> 8. `sums` is
  // readable up to 6 * groups + 2 elements from each start on, `out` writable 4 bytes beyond its
  // pixels. `swap` exchanges the first and the third channel.
  void (*combine)(const uint16_t* sums, const Columns& columns, bool swap, uint8_t* out);
  // As combine, with the order of channels in the places; NULL where it would not be quicker.
  // `sums` is readable up to kReach elements from each base and tap on, `out` writable in whole
  // blocks.
  void (*pick)(const uint16_t* sums, const Picks& picks, uint8_t* out);
  void (*apply)(const uint8_t* pixels, const Affine& affine, size_t count, uint8_t* out);
  // out[x] = (pixels[x] - means[x]) / deviations[x] in float; both repeat after 48 elements.
  void (*divide)(const uint8_t* pixels, const float* means, const float* deviations, size_t count,
                 float* out);
  void (*swap)(const uint8_t* pixels, size_t width, uint8_t* out);
  void (*triple)(const uint16_t* grey, size_t width, uint16_t* out);
  // ITU-R BT.601, limited range. `chroma` holds u, v for every two pixels; the width is even.
  void (*bgr_from_nv12)(const uint8_t* luma, const uint8_t* chroma, size_t width, uint8_t* out);
  void (*bgr_from_yuyv)(const uint8_t* row, size_t width, uint8_t* out);
};

}  // namespace edgeseg
