// The row kernels of edgeseg_colorize and edgeseg_overlay.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace edgeseg {

constexpr size_t kRun = 16;  // pixels that are coloured at once where they are of one class

struct OverlayKernels {
  // `patterns` has each class's colour 16 times, [256, 16, 3].
  void (*colorize)(const uint8_t* classes, const uint8_t* patterns, size_t width, uint8_t* out);
  // out = ((frame * keep >> 8) + (colors * weight >> 8) + 129) >> 8, with 0.16 keep and weight.
  void (*blend)(const uint8_t* frame, const uint8_t* colors, uint16_t keep, uint16_t weight,
                size_t count, uint8_t* out);
  // Sets marks[x] to 255 where a[x] and b[x] differ.
  void (*mark_differing)(const uint8_t* a, const uint8_t* b, size_t count, uint8_t* marks);
};

}  // namespace edgeseg
