// The row kernels of edgeseg_colorize and edgeseg_overlay.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace edgeseg {

constexpr size_t kRun = 16;  // pixels that are coloured at once where they are of one class

// A palette for all 256 classes, in the two forms that kernels take. Classes from `count` on are
// black.
struct Colors {
  int count;
  const uint8_t* channels;  // [3, 256]
  const uint8_t* patterns;  // [256, 16, 3]: each colour 16 times
};

struct OverlayKernels {
  void (*colorize)(const uint8_t* classes, const Colors& colors, size_t width, uint8_t* out);
  // out = ((frame * keep >> 8) + (colors * weight >> 8) + 129) >> 8, with 0.16 keep and weight
  // that add up to 65535.
  void (*blend)(const uint8_t* frame, const uint8_t* colors, uint16_t keep, uint16_t weight,
                size_t count, uint8_t* out);
  // Sets marks[x] to 255 where a[x] and b[x] differ.
  void (*mark_differing)(const uint8_t* a, const uint8_t* b, size_t count, uint8_t* marks);
  // Takes the pixels of `colors` where marks[x] is 255; leaves `out` where it is 0.
  void (*lay)(const uint8_t* marks, const uint8_t* colors, size_t width, uint8_t* out);
};

}  // namespace edgeseg
