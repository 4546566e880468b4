// Class maps to colours, and colours over frames; overlay_kernels.h says what each kernel computes.
#include "lanes.h"
#include "overlay_kernels.h"

namespace edgeseg {
namespace EDGESEG_TARGET {
namespace {

bool all_equal(const uint8_t* classes) {
  uint64_t words[2];
  memcpy(words, classes, sizeof words);
  return words[0] == words[1] && words[0] == (words[0] & 0xff) * 0x0101010101010101u;
}

void colorize_pixel(const uint8_t* pattern, uint8_t* out) {
  uint32_t color;
  memcpy(&color, pattern, sizeof color);
  memcpy(out, &color, sizeof color);
}

// Classes lie in areas: most pieces of 16 pixels are of one class and take its pattern whole.
void colorize(const uint8_t* classes, const uint8_t* patterns, size_t width, uint8_t* out) {
  const auto pattern = [&](size_t x) { return patterns + 3 * kRun * classes[x]; };
  size_t x = 0;
  for (; x + kRun < width; x += kRun) {
    if (all_equal(classes + x)) {
      memcpy(out + 3 * x, pattern(x), 3 * kRun);
    } else {
      for (size_t i = x; i < x + kRun; ++i) colorize_pixel(pattern(i), out + 3 * i);
    }
  }
  for (; x < width; ++x) memcpy(out + 3 * x, pattern(x), 3);
}

Bytes blend_bytes(Bytes frame, Bytes colors, Lanes keep, Lanes weight) {
  const Lanes half = every(129);
  const Lanes low = multiply(widen_low(Bytes{}, frame), keep) +
                    multiply(widen_low(Bytes{}, colors), weight) + half;
  const Lanes high = multiply(widen_high(Bytes{}, frame), keep) +
                     multiply(widen_high(Bytes{}, colors), weight) + half;
  return pack_unsigned(low >> 8, high >> 8);
}

void blend(const uint8_t* frame, const uint8_t* colors, uint16_t keep, uint16_t weight,
           size_t count, uint8_t* out) {
  const Lanes keeps = every(keep), weights = every(weight);
  size_t x = 0;
  for (; x + kBytes <= count; x += kBytes) {
    store(out + x, blend_bytes(load(frame + x), load(colors + x), keeps, weights));
  }
  uint8_t rest[2][kBytes] = {};
  memcpy(rest[0], frame + x, count - x);
  memcpy(rest[1], colors + x, count - x);
  store(rest[0], blend_bytes(load(rest[0]), load(rest[1]), keeps, weights));
  memcpy(out + x, rest[0], count - x);
}

void mark_differing(const uint8_t* a, const uint8_t* b, size_t count, uint8_t* marks) {
  for (size_t x = 0; x < count; ++x) {
    marks[x] = static_cast<uint8_t>(marks[x] | (a[x] != b[x] ? 255 : 0));
  }
}

}  // namespace

extern const OverlayKernels overlay_kernels;
const OverlayKernels overlay_kernels = {colorize, blend, mark_differing};

}  // namespace EDGESEG_TARGET
}  // namespace edgeseg
