#include "dispatch.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// The targets that CMakeLists.txt compiles the kernels for, the best first.
#if defined(EDGESEG_X86)
#define EDGESEG_TARGETS(X) X(avx512) X(avx2) X(portable)
#elif defined(EDGESEG_ARM)
#define EDGESEG_TARGETS(X) X(neon) X(portable)
#else
#define EDGESEG_TARGETS(X) X(portable)
#endif

namespace edgeseg {

#define EDGESEG_DECLARE(target)                \
  namespace target {                           \
  void decode(const DecodeJob& job);           \
  extern const PrepareKernels prepare_kernels; \
  extern const OverlayKernels overlay_kernels; \
  }
EDGESEG_TARGETS(EDGESEG_DECLARE)

namespace {

#define EDGESEG_ENTRY(target) \
  {#target, target::decode, &target::prepare_kernels, &target::overlay_kernels},
constexpr Kernels kBuilt[] = {EDGESEG_TARGETS(EDGESEG_ENTRY)};

bool runs_here(const char* name) {
#if defined(EDGESEG_X86)
  __builtin_cpu_init();
  if (std::strcmp(name, "avx2") == 0) return __builtin_cpu_supports("avx2");
  if (std::strcmp(name, "avx512") == 0) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
#endif
  return name[0] != '\0';  // NEON belongs to every 64-bit ARM
}

const Kernels* find(const char* name) {
  const bool best = name == nullptr || name[0] == '\0';
  for (const Kernels& built : kBuilt) {
    if ((best || std::strcmp(name, built.name) == 0) && runs_here(built.name)) return &built;
  }
  return nullptr;
}

std::atomic<const Kernels*> chosen{nullptr};

}  // namespace

const Kernels* kernels() {
  const Kernels* now = chosen.load(std::memory_order_relaxed);
  if (now == nullptr) {
    // Threads that come here together find the same, so it does not matter whose answer stays.
    now = find(std::getenv("EDGESEG_KERNELS"));
    if (now != nullptr) chosen.store(now, std::memory_order_relaxed);
  }
  return now;
}

void explain_missing(const char* name, char* error, size_t error_size) {
  if (error == nullptr || error_size == 0) return;
  int length = std::snprintf(error, error_size, "no kernels %s here; there are", name);
  for (int n = 0; const char* there = edgeseg_kernels_at(n); ++n) {
    const auto used = static_cast<size_t>(length);
    if (length < 0 || used >= error_size) return;
    length += std::snprintf(error + used, error_size - used, "%s %s", n == 0 ? "" : ",", there);
  }
}

}  // namespace edgeseg

const char* edgeseg_kernels(void) {
  const edgeseg::Kernels* kernels = edgeseg::kernels();
  return kernels == nullptr ? nullptr : kernels->name;
}

const char* edgeseg_kernels_at(int index) {
  for (const edgeseg::Kernels& built : edgeseg::kBuilt) {
    if (edgeseg::runs_here(built.name) && index-- == 0) return built.name;
  }
  return nullptr;
}

edgeseg_status edgeseg_set_kernels(const char* name, char* error, size_t error_size) {
  const edgeseg::Kernels* found = edgeseg::find(name);
  if (found == nullptr) {
    edgeseg::explain_missing(name, error, error_size);
    return EDGESEG_NO_KERNELS;
  }
  edgeseg::chosen.store(found, std::memory_order_relaxed);
  return EDGESEG_OK;
}
