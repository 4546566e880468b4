// edgeseg_colorize and edgeseg_overlay: check the arguments, then work row by row.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "dispatch.h"
#include "errors.h"
#include "pool.h"

namespace edgeseg {
namespace {

constexpr int kLeastRows = 8;  // for a thread

size_t extent(int count) { return static_cast<size_t>(count); }

// ---- checks ----

edgeseg_status check_classes(const edgeseg_classes& classes, const Error& error) {
  if (classes.data == nullptr) return invalid(error, "classes.data is NULL");
  if (classes.height < 1 || classes.height > EDGESEG_MAX_SIDE || classes.width < 1 ||
      classes.width > EDGESEG_MAX_SIDE) {
    return invalid(error, "classes is %d pixels wide and %d high, expected 1 to %d", classes.width,
                   classes.height, EDGESEG_MAX_SIDE);
  }
  if (classes.row_begin < 0 || classes.row_end < classes.row_begin ||
      classes.row_end > classes.height) {
    return invalid(error, "classes has %d rows, so rows %d to %d cannot be done", classes.height,
                   classes.row_begin, classes.row_end);
  }
  return EDGESEG_OK;
}

edgeseg_status check_palette(const edgeseg_palette& palette, const Error& error) {
  if (palette.count < 0 || palette.count > EDGESEG_MAX_CLASSES) {
    return invalid(error, "a palette has %d colours, expected 0 to %d", palette.count,
                   EDGESEG_MAX_CLASSES);
  }
  if (palette.count > 0 && palette.colors == nullptr) {
    return invalid(error, "a palette's colors is NULL");
  }
  return EDGESEG_OK;
}

edgeseg_status check_contours(const edgeseg_contours* contours, const Error& error) {
  if (contours == nullptr) return EDGESEG_OK;
  if (contours->width < 0 || contours->width > EDGESEG_MAX_CONTOUR) {
    return invalid(error, "contours.width is %d, expected 0 to %d", contours->width,
                   EDGESEG_MAX_CONTOUR);
  }
  return check_palette(contours->palette, error);
}

edgeseg_status check_alpha(double alpha, const Error& error) {
  if (alpha >= 0 && alpha <= 1) return EDGESEG_OK;
  return invalid(error, "alpha is %g, expected 0 to 1", alpha);
}

edgeseg_status first_of(std::initializer_list<edgeseg_status> statuses) {
  for (const edgeseg_status status : statuses) {
    if (status != EDGESEG_OK) return status;
  }
  return EDGESEG_OK;
}

// ---- work ----

const uint8_t* row_of(const edgeseg_classes& classes, int y) {
  return classes.data + y * classes.row_stride;
}

// A palette in the kernels' forms.
class ColorTables {
 public:
  explicit ColorTables(const edgeseg_palette& palette)
      : count_(palette.count),
        channels_(3 * EDGESEG_MAX_CLASSES),
        patterns_(EDGESEG_MAX_CLASSES * kRun * 3) {
    for (size_t k = 0; k < extent(count_); ++k) {
      const uint8_t* color = palette.colors + 3 * k;
      for (size_t c = 0; c < 3; ++c) channels_[EDGESEG_MAX_CLASSES * c + k] = color[c];
      for (size_t i = 0; i < kRun; ++i) {
        std::memcpy(patterns_.data() + (k * kRun + i) * 3, color, 3);
      }
    }
  }

  Colors colors() const { return {count_, channels_.data(), patterns_.data()}; }

 private:
  int count_;
  std::vector<uint8_t> channels_;
  std::vector<uint8_t> patterns_;
};

Shares shares_of(const edgeseg_classes& classes) {
  const RowRange rows = {classes.row_begin, classes.row_end};
  return shares_of(classes.pool, rows, kLeastRows, int64_t{rows.end - rows.begin} * classes.width);
}

void colorize(const OverlayKernels& kernels, const edgeseg_classes& classes,
              const edgeseg_palette& palette, uint8_t* out, ptrdiff_t out_stride) {
  const ColorTables tables(palette);
  const Colors colors = tables.colors();
  share(shares_of(classes), [&](const RowRange& rows, int) {
    for (int y = rows.begin; y < rows.end; ++y) {
      kernels.colorize(row_of(classes, y), colors, extent(classes.width), out + y * out_stride);
    }
  });
}

// Draws the contours of one row after the other.
class Contours {
 public:
  Contours(const OverlayKernels& kernels, const edgeseg_classes& classes, int width,
           const Colors& colors)
      : kernels_(kernels),
        classes_(classes),
        width_(width),
        colors_(colors),
        marks_(extent(classes.width)),
        pixels_(3 * marks_.size()) {}

  void draw(int y, uint8_t* out) {
    if (width_ == 0) return;
    mark(y);
    kernels_.colorize(row_of(classes_, y), colors_, marks_.size(), pixels_.data());
    kernels_.lay(marks_.data(), pixels_.data(), marks_.size(), out);
  }

 private:
  void mark(int y) {
    std::fill(marks_.begin(), marks_.end(), uint8_t{0});
    const uint8_t* row = row_of(classes_, y);
    for (int k = 1; k <= width_; ++k) {
      if (k < classes_.width) {
        kernels_.mark_differing(row, row + k, extent(classes_.width - k), marks_.data());
      }
      if (k < classes_.height - y) {
        kernels_.mark_differing(row, row_of(classes_, y + k), marks_.size(), marks_.data());
      }
    }
  }

  const OverlayKernels& kernels_;
  const edgeseg_classes& classes_;
  int width_;
  const Colors& colors_;
  std::vector<uint8_t> marks_;
  std::vector<uint8_t> pixels_;
};

struct Pictures {
  const uint8_t* frame;
  ptrdiff_t frame_stride;
  uint8_t* out;
  ptrdiff_t out_stride;
};

// Blends one row after the other.
class Blender {
 public:
  Blender(const OverlayKernels& kernels, const edgeseg_classes& classes, const Colors& colors,
          double alpha, const Contours& contours)
      : kernels_(kernels),
        classes_(classes),
        colors_(colors),
        weight_(static_cast<uint16_t>(std::min(alpha * 65536 + 0.5, 65535.0))),
        pixels_(3 * extent(classes.width)),
        contours_(contours) {}

  void blend(int y, const Pictures& pictures) {
    uint8_t* row = pictures.out + y * pictures.out_stride;
    kernels_.colorize(row_of(classes_, y), colors_, extent(classes_.width), pixels_.data());
    kernels_.blend(pictures.frame + y * pictures.frame_stride, pixels_.data(),
                   static_cast<uint16_t>(65535 - weight_), weight_, pixels_.size(), row);
    contours_.draw(y, row);
  }

 private:
  const OverlayKernels& kernels_;
  const edgeseg_classes& classes_;
  const Colors& colors_;
  uint16_t weight_;
  std::vector<uint8_t> pixels_;
  Contours contours_;
};

void overlay(const OverlayKernels& kernels, const edgeseg_classes& classes,
             const edgeseg_palette& palette, double alpha, const edgeseg_contours& contours,
             const Pictures& pictures) {
  const ColorTables tables(palette), line_tables(contours.palette);
  const Colors colors = tables.colors(), line_colors = line_tables.colors();
  const Contours lines(kernels, classes, contours.width, line_colors);
  const Shares shares = shares_of(classes);
  std::vector<Blender> blenders(extent(shares.slots),
                                Blender(kernels, classes, colors, alpha, lines));
  share(shares, [&](const RowRange& rows, int slot) {
    for (int y = rows.begin; y < rows.end; ++y) blenders[extent(slot)].blend(y, pictures);
  });
}

// Runs `work` with the kernels in use and all rows where none are named.
template <typename Work>
edgeseg_status run(const edgeseg_classes& classes, const Error& error, Work work) {
  const Kernels* chosen = kernels();
  if (chosen == nullptr) {
    explain_missing(std::getenv("EDGESEG_KERNELS"), error.text, error.size);
    return EDGESEG_NO_KERNELS;
  }
  edgeseg_classes whole = classes;
  if (whole.row_begin == 0 && whole.row_end == 0) whole.row_end = whole.height;
  try {
    work(*chosen->overlay, whole);
  } catch (const std::bad_alloc&) {
    invalid(error, "no memory for a row of the picture");
    return EDGESEG_NO_MEMORY;
  }
  return EDGESEG_OK;
}

}  // namespace
}  // namespace edgeseg

edgeseg_status edgeseg_colorize(const edgeseg_classes* classes, const edgeseg_palette* palette,
                                uint8_t* out, ptrdiff_t out_stride, char* error_text,
                                size_t error_size) {
  using namespace edgeseg;
  const Error error{error_text, error_size};
  if (classes == nullptr || palette == nullptr || out == nullptr) {
    return invalid(error, "classes, palette or out is NULL");
  }
  const edgeseg_status status =
      first_of({check_classes(*classes, error), check_palette(*palette, error)});
  if (status != EDGESEG_OK) return status;
  return run(*classes, error, [&](const OverlayKernels& kernels, const edgeseg_classes& whole) {
    colorize(kernels, whole, *palette, out, out_stride);
  });
}

edgeseg_status edgeseg_overlay(const edgeseg_classes* classes, const edgeseg_palette* palette,
                               double alpha, const edgeseg_contours* contours, const uint8_t* frame,
                               ptrdiff_t frame_stride, uint8_t* out, ptrdiff_t out_stride,
                               char* error_text, size_t error_size) {
  using namespace edgeseg;
  const Error error{error_text, error_size};
  if (classes == nullptr || palette == nullptr || frame == nullptr || out == nullptr) {
    return invalid(error, "classes, palette, frame or out is NULL");
  }
  const edgeseg_status status =
      first_of({check_classes(*classes, error), check_palette(*palette, error),
                check_alpha(alpha, error), check_contours(contours, error)});
  if (status != EDGESEG_OK) return status;
  const edgeseg_contours lines = contours == nullptr ? edgeseg_contours{} : *contours;
  return run(*classes, error, [&](const OverlayKernels& kernels, const edgeseg_classes& whole) {
    overlay(kernels, whole, *palette, alpha, lines, {frame, frame_stride, out, out_stride});
  });
}
