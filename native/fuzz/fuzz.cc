// The entry points with arguments made of any bytes: none may read or write outside the memory it
// was given, nonsense must be refused with a reason, and all kernels must do the same.
//
// With Clang, -DEDGESEG_LIBFUZZER=ON links libFuzzer to this; otherwise driver.cc feeds it.
#include "input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  void (*const targets[])(fuzz::Input*) = {fuzz::decode, fuzz::prepare, fuzz::overlay};
  constexpr int kTargets = sizeof targets / sizeof targets[0];
  targets[input.below(kTargets)](&input);
  return 0;
}
