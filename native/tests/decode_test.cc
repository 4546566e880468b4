// edgeseg_decode against the plain formula, with all kernels of this machine, on random grids with
// few distinct values (ties). Built with EDGESEG_TESTS and, for memory errors, EDGESEG_SANITIZE;
// the Python tests go further.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "edgeseg.h"

namespace {

constexpr int kOne = 2048;

// Scores, whole numbers of 0 to 99, and the wanted geometry.
struct Case {
  int height, width, classes;
  edgeseg_grid grid;
  int out_height, out_width;
  std::vector<int> values;
};

Case random_case(std::mt19937& random) {
  const auto below = [&](unsigned n) { return static_cast<int>(random() % n); };
  Case c{};
  c.height = 1 + below(6);
  c.width = 1 + below(6);
  c.classes = below(8) == 0 ? 256 : 2 + below(40);
  c.out_height = 1 + below(60);
  c.out_width = 1 + below(90);
  c.grid = {(1 + below(9)) / 10.0, (1 + below(9)) / 10.0, below(9) / 4.0 - 1, below(9) / 4.0 - 1,
            below(2)};
  const unsigned levels = below(2) == 0 ? 3 : 100;
  c.values.resize(static_cast<size_t>(c.height * c.width * c.classes));
  for (int& value : c.values) value = below(levels);
  return c;
}

int position(int n, double scale, double offset, int cells, int nearest) {
  const double centre = (n + 0.5) * scale + offset - 0.5;
  const double inside = std::min(std::max(centre, 0.0), cells - 1.0);
  const int steps = static_cast<int>(std::floor(inside * kOne + 0.5));
  return nearest != 0 ? (steps + kOne / 2) / kOne * kOne : steps;
}

// How scores of a type are stored, and how exactly they are summed: sums of integers need no
// rounding in double; those of floats are rounded at the same places as in the kernels.
struct Int8 {
  using Item = int8_t;
  using Sum = double;
  static constexpr edgeseg_dtype kType = EDGESEG_INT8;
  static Item stored(int value) { return static_cast<Item>(value - 50); }
};
struct Uint8 {
  using Item = uint8_t;
  using Sum = double;
  static constexpr edgeseg_dtype kType = EDGESEG_UINT8;
  static Item stored(int value) { return static_cast<Item>(value); }
};
struct Float32 {
  using Item = float;
  using Sum = float;
  static constexpr edgeseg_dtype kType = EDGESEG_FLOAT32;
  static Item stored(int value) { return static_cast<Item>(value); }
};
struct Float16 {
  using Item = uint16_t;
  using Sum = float;
  static constexpr edgeseg_dtype kType = EDGESEG_FLOAT16;
  static Item stored(int value) {
    if (value == 0) return 0;
    const int exponent = std::ilogb(value);
    return static_cast<Item>((exponent + 15) << 10 | ((value << (10 - exponent)) & 0x3ff));
  }
};

// The class at a pixel and by how much its score is above the runner-up's.
template <typename Sum>
std::pair<int, double> plain(const Case& c, int x, int y) {
  const int p = position(x, c.grid.scale_x, c.grid.offset_x, c.width, c.grid.nearest);
  const int q = position(y, c.grid.scale_y, c.grid.offset_y, c.height, c.grid.nearest);
  const int i = p / kOne, j = q / kOne;
  const Sum a = static_cast<Sum>(p % kOne) / kOne, b = static_cast<Sum>(q % kOne) / kOne;
  const auto at = [&](int row, int column, int k) {
    const int inside = std::min(row, c.height - 1) * c.width + std::min(column, c.width - 1);
    return static_cast<Sum>(c.values[static_cast<size_t>(inside * c.classes + k)]);
  };
  int winner = 0;
  Sum best = -1, second = -1;
  for (int k = 0; k < c.classes; ++k) {
    const Sum top = (1 - a) * at(j, i, k) + a * at(j, i + 1, k);
    const Sum bottom = (1 - a) * at(j + 1, i, k) + a * at(j + 1, i + 1, k);
    const Sum value = (1 - b) * top + b * bottom;
    second = std::max(second, std::min(value, best));
    if (value > best) winner = k;
    best = std::max(value, best);
  }
  return {winner, best - second};
}

// Decodes in two parts, as two threads would, with all outputs, then at once, and compares.
template <typename Type>
bool agrees(const Case& c) {
  using Item = typename Type::Item;
  std::vector<Item> data;
  for (const int value : c.values) data.push_back(Type::stored(value));
  const auto item = static_cast<ptrdiff_t>(sizeof(Item));
  const ptrdiff_t point = item * c.classes;
  const edgeseg_scores scores{data.data(), Type::kType,     c.height, c.width,
                              c.classes,   point * c.width, point,    item};
  const auto pixels = static_cast<size_t>(c.out_height * c.out_width);
  std::vector<uint8_t> classes(pixels), steps(pixels), alone(pixels);
  std::vector<uint32_t> counts(static_cast<size_t>(c.classes)), total(counts.size());
  edgeseg_decoded out{};
  out.height = c.out_height;
  out.width = c.out_width;
  out.classes = classes.data();
  out.classes_stride = c.out_width;
  out.confidence = steps.data();
  out.confidence_dtype = EDGESEG_UINT8;
  out.confidence_stride = c.out_width;
  out.confidence_scale = 1;
  out.counts = counts.data();
  const int cuts[] = {0, c.out_height / 2, c.out_height};
  for (int part = cuts[1] == 0 ? 1 : 0; part < 2; ++part) {
    out.row_begin = cuts[part];
    out.row_end = cuts[part + 1];
    if (edgeseg_decode(&scores, &c.grid, &out, nullptr, 0) != EDGESEG_OK) return false;
    for (size_t k = 0; k < counts.size(); ++k) total[k] += counts[k];
  }
  out.row_begin = out.row_end = 0;
  out.classes = alone.data();
  out.confidence = nullptr;
  if (edgeseg_decode(&scores, &c.grid, &out, nullptr, 0) != EDGESEG_OK) return false;
  if (total != counts || alone != classes) return false;
  std::vector<uint32_t> expected(counts.size());
  for (size_t n = 0; n < pixels; ++n) {
    const auto [winner, margin] = plain<typename Type::Sum>(c, static_cast<int>(n) % c.out_width,
                                                            static_cast<int>(n) / c.out_width);
    if (classes[n] != winner || steps[n] != std::floor(static_cast<float>(margin))) return false;
    ++expected[static_cast<size_t>(winner)];
  }
  return expected == counts;
}

bool all_agree(std::mt19937& random) {
  const Case c = random_case(random);
  return agrees<Int8>(c) && agrees<Uint8>(c) && agrees<Float32>(c) && agrees<Float16>(c);
}

bool refuses_nonsense() {
  const int8_t data[2] = {};
  uint8_t classes[4] = {};
  const edgeseg_scores scores{data, EDGESEG_INT8, 1, 1, 2, 2, 2, 1};
  const edgeseg_grid grid{1, 1, 0, 0, 0};
  edgeseg_decoded out{2, 2, 0, 0, classes, 2, nullptr, EDGESEG_UINT8, 0, 0, nullptr, nullptr};
  char error[64] = "";
  const auto status = [&](const edgeseg_scores& s, const edgeseg_grid& g) {
    return edgeseg_decode(&s, &g, &out, error, sizeof error);
  };
  if (status(scores, grid) != EDGESEG_OK || error[0] != '\0') return false;
  edgeseg_scores bad_scores = scores;
  bad_scores.classes = 257;
  edgeseg_grid bad_grid = grid;
  bad_grid.scale_x = NAN;
  if (status(bad_scores, grid) != EDGESEG_INVALID || status(scores, bad_grid) != EDGESEG_INVALID) {
    return false;
  }
  out.row_end = 3;
  if (status(scores, grid) != EDGESEG_INVALID) return false;
  return edgeseg_set_kernels("magic", error, sizeof error) == EDGESEG_NO_KERNELS &&
         std::strstr(error, "portable") != nullptr;
}

}  // namespace

int main() {
  if (!refuses_nonsense()) {
    std::printf("nonsense is not refused as it should be\n");
    return 1;
  }
  for (int n = 0; const char* name = edgeseg_kernels_at(n); ++n) {
    if (edgeseg_set_kernels(name, nullptr, 0) != EDGESEG_OK) return 1;
    std::mt19937 random(1);
    for (int round = 0; round < 150; ++round) {
      if (!all_agree(random)) {
        std::printf("decode (%s) differs from the plain formula in round %d\n", name, round);
        return 1;
      }
    }
    std::printf("decode (%s) equals the plain formula\n", edgeseg_kernels());
  }
  return 0;
}
