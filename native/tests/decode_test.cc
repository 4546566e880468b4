// The kernels against the plain formula of decode.h, on random grids with few distinct values
// (ties). Built with EDGESEG_TESTS and, for memory errors, EDGESEG_SANITIZE; the Python tests go
// further.
#include "decode.h"

#include <algorithm>
#include <cstdio>
#include <random>
#include <vector>

namespace {

using edgeseg::Axis;
using edgeseg::kFractionBits;
using edgeseg::kOne;
using edgeseg::Scores;

// Values are small enough for every sum to be exact in double, whatever the type.
template <typename T>
uint8_t plain(const Scores<T>& s, int32_t column, int32_t row) {
  const int i = column >> kFractionBits, j = row >> kFractionBits;
  const int right = std::min(i + 1, s.width - 1), below = std::min(j + 1, s.height - 1);
  const double a = column & (kOne - 1), b = row & (kOne - 1);
  const auto at = [&](int y, int x, int k) {
    return static_cast<double>(s.data[(y * s.width + x) * s.classes + k]);
  };
  int winner = 0;
  double best = 0;
  for (int k = 0; k < s.classes; ++k) {
    const double top = (kOne - a) * at(j, i, k) + a * at(j, right, k);
    const double bottom = (kOne - a) * at(below, i, k) + a * at(below, right, k);
    const double value = (kOne - b) * top + b * bottom;
    if (k == 0 || value > best) {
      winner = k;
      best = value;
    }
  }
  return static_cast<uint8_t>(winner);
}

template <typename T>
uint8_t plain_nearest(const Scores<T>& s, int32_t column, int32_t row) {
  const auto whole = [](int32_t p) { return ((p + kOne / 2) >> kFractionBits) << kFractionBits; };
  return plain(s, whole(column), whole(row));
}

std::vector<int32_t> random_positions(std::mt19937& random, int cells) {
  const int32_t last = (cells - 1) << kFractionBits;
  std::vector<int32_t> positions(1 + random() % 200);
  for (int32_t& p : positions) p = static_cast<int32_t>(random() % static_cast<uint32_t>(last + 1));
  std::sort(positions.begin(), positions.end());
  return positions;
}

template <typename T>
bool agrees(std::mt19937& random) {
  const int height = 1 + static_cast<int>(random() % 6), width = 1 + static_cast<int>(random() % 6);
  const int classes = random() % 8 == 0 ? 256 : 1 + static_cast<int>(random() % 12);
  const unsigned levels = random() % 2 == 0 ? 3 : 100;
  std::vector<T> data(static_cast<size_t>(height * width * classes));
  for (T& value : data) value = static_cast<T>(random() % levels);
  const Scores<T> scores{data.data(), height, width, classes};
  const std::vector<int32_t> across = random_positions(random, width);
  const std::vector<int32_t> down = random_positions(random, height);
  const Axis columns{across.data(), static_cast<int>(across.size())};
  const Axis rows{down.data(), static_cast<int>(down.size())};
  std::vector<uint8_t> smooth(across.size() * down.size()), nearest(smooth.size());
  edgeseg::decode_bilinear(scores, columns, rows, smooth.data());
  edgeseg::decode_nearest(scores, columns, rows, nearest.data());
  for (size_t n = 0; n < smooth.size(); ++n) {
    const int32_t column = across[n % across.size()], row = down[n / across.size()];
    if (smooth[n] != plain(scores, column, row)) return false;
    if (nearest[n] != plain_nearest(scores, column, row)) return false;
  }
  return true;
}

}  // namespace

int main() {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    if (!agrees<int8_t>(random) || !agrees<uint8_t>(random) || !agrees<float>(random)) {
      std::printf("decode differs from the plain formula in round %d\n", round);
      return 1;
    }
  }
  std::printf("decode equals the plain formula on 600 grids\n");
  return 0;
}
