// Feeds the fuzz target with random bytes, the same in every run: `fuzz [SECONDS [FIRST]]`. Says
// which input it was when one fails, so that `fuzz 0 FIRST` shows that one alone.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

unsigned long number = 0;

void tell(int) {
  std::fprintf(stderr, "fuzz: input %lu\n", number);
  std::_Exit(1);
}

}  // namespace

extern "C" void __asan_on_error() { std::fprintf(stderr, "fuzz: input %lu\n", number); }

int main(int count, char** words) {
  using Clock = std::chrono::steady_clock;
  const double seconds = count > 1 ? std::atof(words[1]) : 1;
  number = count > 2 ? std::strtoul(words[2], nullptr, 10) : 0;
  std::signal(SIGABRT, tell);
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  const unsigned long first = number;
  for (;; ++number) {
    std::mt19937 random(static_cast<uint32_t>(number));
    std::vector<uint8_t> bytes(random() % 600);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    if (Clock::now() >= end) break;
  }
  std::printf("%lu inputs, no fault\n", number - first + 1);
}
