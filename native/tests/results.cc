// Prints a checksum of what each kernel makes of fixed arguments, the same for every set of kernels
// and so on every CPU: tests/test_native.py compares what this prints on two of them.
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "edgeseg.h"

namespace {

constexpr int kRows = 9, kColumns = 11, kHeight = 123, kWidth = 177;

using Bytes = std::vector<uint8_t>;

Bytes noise(size_t count, uint32_t seed) {
  Bytes bytes(count);
  for (uint8_t& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(seed >> 24);
  }
  return bytes;
}

uint64_t checksum(const Bytes& bytes) {  // FNV-1a
  uint64_t sum = 14695981039346656037u;
  for (const uint8_t byte : bytes) sum = (sum ^ byte) * 1099511628211u;
  return sum;
}

size_t item_bytes(edgeseg_dtype dtype) {
  const size_t sizes[] = {0, 1, 1, 2, 4, 2};
  return sizes[dtype];
}

// Prints a line; kernels that refuse or that differ from the first end the program.
template <typename Run>
bool same(const char* name, int a, int b, size_t size, const Run& run) {
  uint64_t sums[8] = {};
  char error[200];
  for (int n = 0; const char* kernels = edgeseg_kernels_at(n); ++n) {
    Bytes out(size);
    if (edgeseg_set_kernels(kernels, error, sizeof error) != EDGESEG_OK ||
        run(out.data(), error, sizeof error) != EDGESEG_OK) {
      std::printf("%s %d %d: %s\n", name, a, b, error);
      return false;
    }
    sums[n] = checksum(out);
    if (sums[n] != sums[0]) {
      std::printf("%s %d %d: %s kernels differ\n", name, a, b, kernels);
      return false;
    }
  }
  std::printf("%s %d %d %016" PRIx64 "\n", name, a, b, sums[0]);
  return true;
}

// Scores of any bits, but finite ones for most floats: any exponent would leave one class above
// all.
Bytes scores_of(edgeseg_dtype dtype, int classes) {
  const auto count = static_cast<size_t>(kRows * kColumns * classes);
  Bytes bytes = noise(count * item_bytes(dtype), 7);
  if (dtype == EDGESEG_FLOAT32) {
    const Bytes values = noise(count, 8);
    for (size_t n = 0; n < count; ++n) {
      const float value = static_cast<float>(values[n]) / 37 - 3;
      if (n % 50 != 0) std::memcpy(bytes.data() + n * sizeof value, &value, sizeof value);
    }
  }
  return bytes;
}

bool decode(edgeseg_dtype dtype, int classes, int nearest) {
  const Bytes data = scores_of(dtype, classes);
  const auto item = static_cast<ptrdiff_t>(item_bytes(dtype));
  const edgeseg_scores scores{data.data(),    dtype,   kRows,
                              kColumns,       classes, item * kColumns * classes,
                              item * classes, item};
  const edgeseg_grid grid{0.07, 0.08, -0.3, 0.2, nearest};
  const size_t pixels = size_t{kHeight} * kWidth, margins = (pixels + 3) / 4 * 4;
  const auto run = [&](uint8_t* to, char* error, size_t error_size) {
    std::vector<float> confidence(pixels);
    std::vector<uint32_t> counts(static_cast<size_t>(classes));
    const edgeseg_decoded out{kHeight,
                              kWidth,
                              0,
                              0,
                              to,
                              kWidth,
                              confidence.data(),
                              EDGESEG_FLOAT32,
                              4 * kWidth,
                              0.085,
                              counts.data(),
                              nullptr};
    const edgeseg_status status = edgeseg_decode(&scores, &grid, &out, error, error_size);
    std::memcpy(to + margins, confidence.data(), 4 * pixels);
    std::memcpy(to + margins + 4 * pixels, counts.data(), 4 * counts.size());
    return status;
  };
  const size_t size = margins + 4 * pixels + 4 * static_cast<size_t>(classes);
  return same(nearest != 0 ? "decode-nearest" : "decode", dtype, classes, size, run);
}

bool prepare(edgeseg_layout layout, edgeseg_dtype dtype, int side) {
  const Bytes pixels = noise(size_t{kHeight + 1} * (kWidth + 1) * 3, 9);
  const Bytes chroma = noise(pixels.size(), 10);
  const edgeseg_frame frame{layout,           kHeight + 1,   kWidth + 1, pixels.data(),
                            (kWidth + 1) * 3, chroma.data(), kWidth + 1};
  const double mean[3] = {123.7, 116.3, 103.5}, deviation[3] = {58.4, 57.1, 57.4};
  edgeseg_values values;
  const auto run = [&](uint8_t* to, char* error, size_t error_size) {
    const edgeseg_status status =
        edgeseg_values_init(&values, dtype, mean, deviation, 0.0182, 3, error, error_size);
    if (status != EDGESEG_OK) return status;
    const auto row = static_cast<ptrdiff_t>(item_bytes(dtype)) * 3 * side;
    const edgeseg_input input{to, row, side, side, 1, 2, 1, side - 3, side - 2, 0, 0, nullptr};
    return edgeseg_prepare(&frame, &values, &input, error, error_size);
  };
  const auto count = static_cast<size_t>(3 * side * side);
  return same(side < kHeight ? "prepare-shrunk" : "prepare", layout, dtype,
              count * item_bytes(dtype), run);
}

bool overlay(int width, int alpha) {
  const size_t pixels = size_t{kHeight} * kWidth;
  const Bytes mask = noise(pixels, 11), frame = noise(3 * pixels, 12), colors = noise(750, 13);
  const edgeseg_classes classes{mask.data(), kHeight, kWidth, kWidth, 0, 0, nullptr};
  const edgeseg_palette palette{colors.data(), 250};
  const edgeseg_contours contours{width, {colors.data() + 30, 200}};
  const auto run = [&](uint8_t* to, char* error, size_t error_size) {
    return edgeseg_overlay(&classes, &palette, alpha / 100.0, &contours, frame.data(), 3 * kWidth,
                           to, 3 * kWidth, error, error_size);
  };
  return same("overlay", width, alpha, 3 * pixels, run);
}

}  // namespace

int main() {
  bool fine = true;
  for (const edgeseg_dtype dtype :
       {EDGESEG_INT8, EDGESEG_UINT8, EDGESEG_FLOAT16, EDGESEG_FLOAT32}) {
    for (const int classes : {2, 11, 21, 150}) {
      for (const int nearest : {0, 1}) fine &= decode(dtype, classes, nearest);
    }
  }
  for (const int layout : {1, 2, 3, 4, 5}) {
    for (const edgeseg_dtype dtype :
         {EDGESEG_INT8, EDGESEG_UINT8, EDGESEG_INT16, EDGESEG_FLOAT32}) {
      for (const int side : {57, 201}) {
        fine &= prepare(static_cast<edgeseg_layout>(layout), dtype, side);
      }
    }
  }
  for (const int width : {0, 1, 5}) {
    for (const int alpha : {0, 50, 73, 100}) fine &= overlay(width, alpha);
  }
  return fine ? 0 : 1;
}
