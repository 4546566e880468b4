// What every set of kernels provides. Each .cc file of this folder is compiled once per target, in
// the namespace edgeseg::EDGESEG_TARGET, with that target's instructions allowed.
//
// Such files include no C++ library header: an inline function of the library, compiled with
// AVX-512 in one of them, could be the copy that the linker keeps for everybody.
#pragma once

#include "decode_job.h"
#include "overlay_kernels.h"
#include "prepare_kernels.h"

namespace edgeseg {

struct Kernels {
  const char* name;
  void (*decode)(const DecodeJob& job);
  const PrepareKernels* prepare;
  const OverlayKernels* overlay;
};

}  // namespace edgeseg
