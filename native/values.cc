// edgeseg_values_init: a table for each channel and, where there is one that gives the same 256
// values, a formula for vectors: for bytes a multiplication and an addition in 16 bits, for floats
// a subtraction and a division.
#include "values.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "errors.h"

namespace edgeseg {
namespace {

template <typename T>
void fill(T (*tables)[256], const double* mean, const double* deviation, double scale,
          int zero_point) {
  constexpr double kLeast = std::numeric_limits<T>::min(), kMost = std::numeric_limits<T>::max();
  for (int c = 0; c < 3; ++c) {
    for (int pixel = 0; pixel < 256; ++pixel) {
      const double value = (pixel - mean[c]) / deviation[c] / scale;
      const double step = std::nearbyint(value) + zero_point;
      tables[c][pixel] = static_cast<T>(std::min(std::max(step, kLeast), kMost));
    }
  }
}

void fill(float (*tables)[256], const double* mean, const double* deviation) {
  for (int c = 0; c < 3; ++c) {
    for (int pixel = 0; pixel < 256; ++pixel) {
      tables[c][pixel] = static_cast<float>((pixel - mean[c]) / deviation[c]);
    }
  }
}

// The offsets, from least to most, with which a scale gives a table of signed bytes; none where
// least > most.
struct Range {
  int least;
  int most;
};

Range offsets_for(const int8_t* table, uint32_t scale, uint32_t low, int shift) {
  Range range = {std::numeric_limits<int>::min(), std::numeric_limits<int>::max()};
  for (uint32_t pixel = 0; pixel < 256; ++pixel) {
    const int product = static_cast<int>((pixel << 8 | low) * scale >> 16);
    const int value = table[pixel];
    const int least = value == -128 ? -32768 : value * (1 << shift);
    const int most = value == 127 ? 32767 : (value + 1) * (1 << shift) - 1;
    range.least = std::max(range.least, least - product);
    range.most = std::min(range.most, most - product);
  }
  return range;
}

// The constants of the formula in kernels/prepare_kernels.h for one channel.
struct Constants {
  uint16_t scale;
  uint16_t offset;
  uint16_t low;
};

bool fit(const int8_t* table, double slope, int shift, Constants& found) {
  const double ideal = std::nearbyint(slope * (1 << (8 + shift)));
  constexpr int kReach = 24;  // about the play that a table's own rounding leaves
  for (int step = 0; step <= 2 * kReach; ++step) {
    const double scale = ideal + (step % 2 == 0 ? step / 2 : -(step + 1) / 2);
    if (!(scale >= 1 && scale <= 65535)) continue;
    // Halves that were rounded to even make a kink; the low byte moves it.
    for (const uint16_t low : {uint16_t{0}, uint16_t{1}, uint16_t{128}, uint16_t{255}}) {
      const Range range = offsets_for(table, static_cast<uint32_t>(scale), low, shift);
      if (range.least > range.most) continue;
      const int offset = range.least + (range.most - range.least) / 2;
      found = {static_cast<uint16_t>(scale), static_cast<uint16_t>(offset), low};
      return true;
    }
  }
  return false;
}

// The formula makes signed bytes; unsigned ones are these, 128 higher.
void as_signed(const edgeseg_values& values, int channel, int8_t* table) {
  for (int pixel = 0; pixel < 256; ++pixel) {
    table[pixel] = values.dtype == EDGESEG_INT8
                       ? values.table.int8[channel][pixel]
                       : static_cast<int8_t>(values.table.uint8[channel][pixel] - 128);
  }
}

bool fit_affine(edgeseg_values& values, const double* deviation, double scale) {
  for (values.shift = 8; values.shift > 0; --values.shift) {
    int fitted = 0;
    for (int c = 0; c < 3; ++c) {
      int8_t table[256];
      as_signed(values, c, table);
      Constants found = {};
      if (!fit(table, 1 / (deviation[c] * scale), values.shift, found)) break;
      values.scale[c] = found.scale;
      values.offset[c] = found.offset;
      values.low[c] = found.low;
      ++fitted;
    }
    if (fitted == 3) return true;
  }
  return false;
}

bool fit_division(edgeseg_values& values, const double* mean, const double* deviation) {
  for (int c = 0; c < 3; ++c) {
    values.mean[c] = static_cast<float>(mean[c]);
    values.deviation[c] = static_cast<float>(deviation[c]);
    for (int pixel = 0; pixel < 256; ++pixel) {
      const float difference = static_cast<float>(pixel) - values.mean[c];
      if (difference / values.deviation[c] != values.table.float32[c][pixel]) return false;
    }
  }
  return true;
}

void init(edgeseg_values& values, const double* mean, const double* deviation, double scale) {
  switch (values.dtype) {
    case EDGESEG_INT8:
      fill(values.table.int8, mean, deviation, scale, values.zero_point);
      values.form = fit_affine(values, deviation, scale) ? kAffineForm : kTableForm;
      break;
    case EDGESEG_UINT8:
      fill(values.table.uint8, mean, deviation, scale, values.zero_point);
      values.form = fit_affine(values, deviation, scale) ? kAffineForm : kTableForm;
      break;
    case EDGESEG_INT16:
      fill(values.table.int16, mean, deviation, scale, values.zero_point);
      break;
    default:
      values.zero_point = 0;
      fill(values.table.float32, mean, deviation);
      values.form = fit_division(values, mean, deviation) ? kDivisionForm : kTableForm;
  }
}

edgeseg_status check(edgeseg_dtype dtype, const double* mean, const double* deviation, double scale,
                     int zero_point, const Error& error) {
  int least = 0, most = 0;
  switch (dtype) {
    case EDGESEG_INT8:
      least = INT8_MIN, most = INT8_MAX;
      break;
    case EDGESEG_UINT8:
      most = UINT8_MAX;
      break;
    case EDGESEG_INT16:
      least = INT16_MIN, most = INT16_MAX;
      break;
    case EDGESEG_FLOAT32:
      break;
    default:
      return invalid(error, "dtype is %d, expected EDGESEG_INT8, _UINT8, _INT16 or _FLOAT32",
                     dtype);
  }
  if (dtype != EDGESEG_FLOAT32 && (zero_point < least || zero_point > most)) {
    return invalid(error, "zero_point is %d, expected %d to %d", zero_point, least, most);
  }
  for (int c = 0; c < 3; ++c) {
    if (!std::isfinite(mean[c]) || !std::isfinite(deviation[c]) || deviation[c] == 0) {
      return invalid(error, "mean %g and deviation %g of channel %d are not finite and not 0",
                     mean[c], deviation[c], c);
    }
  }
  if (!std::isfinite(scale)) return invalid(error, "scale is %g", scale);
  return EDGESEG_OK;
}

}  // namespace
}  // namespace edgeseg

edgeseg_status edgeseg_values_init(edgeseg_values* values, edgeseg_dtype dtype,
                                   const double mean[3], const double deviation[3], double scale,
                                   int32_t zero_point, char* error_text, size_t error_size) {
  using namespace edgeseg;
  const Error error{error_text, error_size};
  if (values == nullptr || mean == nullptr || deviation == nullptr) {
    return invalid(error, "values, mean or deviation is NULL");
  }
  const edgeseg_status status = check(dtype, mean, deviation, scale, zero_point, error);
  if (status != EDGESEG_OK) return status;
  *values = edgeseg_values{};
  values->dtype = dtype;
  values->zero_point = zero_point;
  init(*values, mean, deviation, scale == 0 ? 1 : scale);
  return EDGESEG_OK;
}
