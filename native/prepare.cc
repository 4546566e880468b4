// edgeseg_prepare: checks the arguments, then writes the input row by row.
#include <algorithm>
#include <cstdlib>
#include <new>
#include <type_traits>
#include <vector>

#include "dispatch.h"
#include "errors.h"
#include "pool.h"
#include "resizer.h"
#include "values.h"

namespace edgeseg {
namespace {

constexpr int kLeastRows = 8;  // for a thread: at the first it sums rows anew

size_t extent(int count) { return static_cast<size_t>(count); }

// ---- checks ----

bool is_side(int32_t pixels) { return pixels >= 1 && pixels <= EDGESEG_MAX_SIDE; }

edgeseg_status check_frame(const edgeseg_frame& frame, const Error& error) {
  if (frame.layout < EDGESEG_BGR || frame.layout > EDGESEG_NV12) {
    return invalid(error, "frame.layout is %d, expected an edgeseg_layout", frame.layout);
  }
  if (!is_side(frame.height) || !is_side(frame.width)) {
    return invalid(error, "frame is %d pixels wide and %d high, expected 1 to %d", frame.width,
                   frame.height, EDGESEG_MAX_SIDE);
  }
  const bool nv12 = frame.layout == EDGESEG_NV12;
  if ((nv12 || frame.layout == EDGESEG_YUYV) && frame.width % 2 != 0) {
    return invalid(error,
                   "frame is %d pixels wide; two pixels share their colour, so give an even "
                   "number",
                   frame.width);
  }
  if (nv12 && frame.height % 2 != 0) {
    return invalid(error,
                   "frame is %d pixels high; two rows share their colour, so give an even "
                   "number",
                   frame.height);
  }
  if (frame.data == nullptr) return invalid(error, "frame.data is NULL");
  if (nv12 && frame.chroma == nullptr) return invalid(error, "frame.chroma is NULL");
  return EDGESEG_OK;
}

edgeseg_status check_values(const edgeseg_values& values, const Error& error) {
  switch (values.dtype) {
    case EDGESEG_INT8:
    case EDGESEG_UINT8:
    case EDGESEG_INT16:
    case EDGESEG_FLOAT32:
      return EDGESEG_OK;
    default:
      return invalid(error, "values were not filled by edgeseg_values_init");
  }
}

bool lies_within(int32_t from, int32_t length, int32_t side) {
  return from >= 0 && length >= 1 && length <= side && from <= side - length;
}

edgeseg_status check_input(const edgeseg_input& input, const Error& error) {
  if (input.data == nullptr) return invalid(error, "input.data is NULL");
  if (!is_side(input.height) || !is_side(input.width)) {
    return invalid(error, "input is %d pixels wide and %d high, expected 1 to %d", input.width,
                   input.height, EDGESEG_MAX_SIDE);
  }
  if (!lies_within(input.frame_x, input.frame_width, input.width) ||
      !lies_within(input.frame_y, input.frame_height, input.height)) {
    return invalid(error,
                   "input is %d pixels wide and %d high; a frame of %d by %d at %d, %d does "
                   "not lie within",
                   input.width, input.height, input.frame_width, input.frame_height, input.frame_x,
                   input.frame_y);
  }
  if (input.row_begin < 0 || input.row_end < input.row_begin || input.row_end > input.height) {
    return invalid(error, "input has %d rows, so rows %d to %d cannot be written", input.height,
                   input.row_begin, input.row_end);
  }
  return EDGESEG_OK;
}

// ---- work ----

// The constants of a form, repeated over channels.
struct Patterns {
  Affine affine;
  float means[kFloatPattern];
  float deviations[kFloatPattern];
};

Patterns patterns_of(const edgeseg_values& values) {
  Patterns patterns;
  Affine& affine = patterns.affine;
  affine.shift = values.shift;
  affine.flip = values.dtype == EDGESEG_UINT8 ? 0x80 : 0;
  for (size_t i = 0; i < kPattern; ++i) {
    affine.low[i] = static_cast<uint8_t>(values.low[i % 3]);
    for (int byte = 0; byte < 2; ++byte) {
      affine.scale[byte][i] = static_cast<uint8_t>(values.scale[i % 3] >> 8 * byte);
      affine.offset[byte][i] = static_cast<uint8_t>(values.offset[i % 3] >> 8 * byte);
    }
  }
  for (size_t i = 0; i < kFloatPattern; ++i) {
    patterns.means[i] = values.mean[i % 3];
    patterns.deviations[i] = values.deviation[i % 3];
  }
  return patterns;
}

template <typename T>
void look_up(const T (*tables)[256], const uint8_t* pixels, size_t count, T* out) {
  for (size_t x = 0; x < count; x += 3) {
    for (size_t c = 0; c < 3; ++c) out[x + c] = tables[c][pixels[x + c]];
  }
}

// Writes the input row by row: the frame's pixels as their values, and the border around them.
template <typename T>
class Writer {
 public:
  Writer(const PrepareKernels& kernels, const edgeseg_values& values, const T (*tables)[256],
         const edgeseg_input& input)
      : kernels_(kernels),
        values_(values),
        patterns_(patterns_of(values)),
        tables_(tables),
        input_(input) {}

  void write(const RowRange& rows, Resizer& resizer) const {
    for (int y = rows.begin; y < rows.end; ++y) {
      T* out = reinterpret_cast<T*>(static_cast<uint8_t*>(input_.data) + y * input_.row_stride);
      const int inner = y - input_.frame_y;
      if (inner < 0 || inner >= input_.frame_height) {
        fill(out, input_.width);
      } else {
        fill(out, input_.frame_x);
        write_pixels(resizer.row(inner), out + 3 * input_.frame_x);
        const int right = input_.frame_x + input_.frame_width;
        fill(out + 3 * right, input_.width - right);
      }
    }
  }

 private:
  void fill(T* out, int pixels) const {
    std::fill_n(out, 3 * extent(pixels), static_cast<T>(values_.zero_point));
  }

  void write_pixels(const uint8_t* pixels, T* out) const {
    const size_t count = 3 * extent(input_.frame_width);
    if constexpr (std::is_same_v<T, float>) {
      if (values_.form == kDivisionForm) {
        return kernels_.divide(pixels, patterns_.means, patterns_.deviations, count, out);
      }
    } else if (values_.form == kAffineForm && sizeof(T) == 1) {
      return kernels_.apply(pixels, patterns_.affine, count, reinterpret_cast<uint8_t*>(out));
    }
    look_up(tables_, pixels, count, out);
  }

  const PrepareKernels& kernels_;
  const edgeseg_values& values_;
  Patterns patterns_;
  const T (*tables_)[256];
  const edgeseg_input& input_;
};

void run(const PrepareKernels& kernels, const edgeseg_frame& frame, const edgeseg_values& values,
         const edgeseg_input& input) {
  const ResizePlan plan(kernels, frame, input);
  const RowRange all = {input.row_begin, input.row_end};
  const int64_t pixels =
      std::max(int64_t{frame.height} * frame.width, int64_t{all.end - all.begin} * input.width);
  const Shares shares = shares_of(input.pool, all, kLeastRows, pixels);
  std::vector<Resizer> resizers(extent(shares.slots), Resizer(kernels, plan));
  const auto write = [&](auto tables) {
    const Writer writer(kernels, values, tables, input);
    share(shares,
          [&](const RowRange& rows, int slot) { writer.write(rows, resizers[extent(slot)]); });
  };
  switch (values.dtype) {
    case EDGESEG_INT8:
      return write(values.table.int8);
    case EDGESEG_UINT8:
      return write(values.table.uint8);
    case EDGESEG_INT16:
      return write(values.table.int16);
    default:
      return write(values.table.float32);
  }
}

}  // namespace
}  // namespace edgeseg

edgeseg_status edgeseg_prepare(const edgeseg_frame* frame, const edgeseg_values* values,
                               const edgeseg_input* input, char* error_text, size_t error_size) {
  using namespace edgeseg;
  const Error error{error_text, error_size};
  if (frame == nullptr || values == nullptr || input == nullptr) {
    return invalid(error, "frame, values or input is NULL");
  }
  const edgeseg_status checks[] = {check_frame(*frame, error), check_values(*values, error),
                                   check_input(*input, error)};
  for (const edgeseg_status status : checks) {
    if (status != EDGESEG_OK) return status;
  }
  const Kernels* chosen = kernels();
  if (chosen == nullptr) {
    explain_missing(std::getenv("EDGESEG_KERNELS"), error_text, error_size);
    return EDGESEG_NO_KERNELS;
  }
  edgeseg_input whole = *input;
  if (whole.row_begin == 0 && whole.row_end == 0) whole.row_end = whole.height;
  try {
    run(*chosen->prepare, *frame, *values, whole);
  } catch (const std::bad_alloc&) {
    invalid(error, "no memory for a few rows of the frame");
    return EDGESEG_NO_MEMORY;
  }
  return EDGESEG_OK;
}
