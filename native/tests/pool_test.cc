// Calls that share their rows with a pool give what they give alone, also when several threads lend
// the same pool at once.
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "edgeseg.h"

namespace {

constexpr int kWidth = 803, kHeight = 601, kSide = 301, kClasses = 19, kGrid = 17;
constexpr size_t kPixels = size_t{kWidth} * kHeight, kValues = size_t{3} * kSide * kSide;

struct Inputs {
  std::vector<uint8_t> frame, scores, colors;
  edgeseg_values values{};
};

Inputs random_inputs() {
  std::mt19937 random(1);
  const auto bytes = [&](size_t count) {
    std::vector<uint8_t> some(count);
    for (uint8_t& byte : some) byte = static_cast<uint8_t>(random());
    return some;
  };
  Inputs inputs{bytes(3 * kPixels), bytes(kGrid * kGrid * kClasses), bytes(3 * kClasses), {}};
  const double mean[] = {127.5, 127.5, 127.5};
  edgeseg_values_init(&inputs.values, EDGESEG_INT8, mean, mean, 1 / 127.5, -1, nullptr, 0);
  return inputs;
}

struct Outputs {
  std::vector<uint8_t> classes, confidence, tensor, blended;
  std::vector<uint32_t> counts;
  bool fine;

  bool operator==(const Outputs& other) const {
    return classes == other.classes && confidence == other.confidence && tensor == other.tensor &&
           blended == other.blended && counts == other.counts && fine == other.fine;
  }
};

// What edgeseg does with a frame, all of it.
Outputs run(const Inputs& in, edgeseg_pool* pool) {
  Outputs out{std::vector<uint8_t>(kPixels),   std::vector<uint8_t>(kPixels),
              std::vector<uint8_t>(kValues),   std::vector<uint8_t>(3 * kPixels),
              std::vector<uint32_t>(kClasses), false};
  const edgeseg_scores scores{in.scores.data(), EDGESEG_INT8,     kGrid,    kGrid,
                              kClasses,         kGrid * kClasses, kClasses, 1};
  const edgeseg_grid grid{double{kGrid} / kWidth, double{kGrid} / kHeight, 0, 0, 0};
  const edgeseg_decoded decoded{kHeight,
                                kWidth,
                                0,
                                0,
                                out.classes.data(),
                                kWidth,
                                out.confidence.data(),
                                EDGESEG_UINT8,
                                kWidth,
                                1,
                                out.counts.data(),
                                pool};
  const edgeseg_frame frame{EDGESEG_BGR, kHeight, kWidth, in.frame.data(), 3 * kWidth, nullptr, 0};
  const edgeseg_input input{
      out.tensor.data(), 3 * kSide, kSide, kSide, 1, 0, 0, kSide, kSide, 0, 0, pool};
  const edgeseg_classes classes{out.classes.data(), kHeight, kWidth, kWidth, 0, 0, pool};
  const edgeseg_palette palette{in.colors.data(), kClasses};
  const edgeseg_contours contours{2, palette};
  out.fine = edgeseg_decode(&scores, &grid, &decoded, nullptr, 0) == EDGESEG_OK &&
             edgeseg_prepare(&frame, &in.values, &input, nullptr, 0) == EDGESEG_OK &&
             edgeseg_overlay(&classes, &palette, 0.3, &contours, in.frame.data(), 3 * kWidth,
                             out.blended.data(), 3 * kWidth, nullptr, 0) == EDGESEG_OK;
  return out;
}

int fail(const char* what) {
  std::printf("%s\n", what);
  return 1;
}

bool shared_is_as_alone(const Inputs& inputs, const Outputs& alone, edgeseg_pool* pool) {
  std::vector<std::thread> callers;
  bool same[3] = {};
  for (bool& one : same) {
    callers.emplace_back([&] {
      one = true;
      for (int n = 0; n < 5; ++n) one = one && run(inputs, pool) == alone;
    });
  }
  for (std::thread& caller : callers) caller.join();
  return same[0] && same[1] && same[2];
}

}  // namespace

int main() {
  const Inputs inputs = random_inputs();
  const Outputs alone = run(inputs, nullptr);
  if (!alone.fine) return fail("a call failed");
  for (const int threads : {1, 2, 3, 7}) {
    edgeseg_pool* pool = nullptr;
    if (edgeseg_pool_create(&pool, threads, nullptr, 0) != EDGESEG_OK) return fail("no pool");
    if (!shared_is_as_alone(inputs, alone, pool)) return fail("a pool makes a difference");
    edgeseg_pool_destroy(pool);
  }
  edgeseg_pool_destroy(nullptr);

  char error[100] = "";
  edgeseg_pool* none = nullptr;
  const bool refused = edgeseg_pool_create(&none, 0, error, sizeof error) == EDGESEG_INVALID &&
                       std::strcmp(error, "a pool of 0 threads, expected 1 to 64") == 0 &&
                       edgeseg_pool_create(&none, 65, nullptr, 0) == EDGESEG_INVALID &&
                       edgeseg_pool_create(nullptr, 2, error, sizeof error) == EDGESEG_INVALID &&
                       none == nullptr;
  if (!refused) return fail("a pool of nonsense was made");
  std::printf("pools give what one thread gives\n");
  return 0;
}
