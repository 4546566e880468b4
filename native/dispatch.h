// Which of the kernels that this build has run on this CPU.
#pragma once

#include "kernels/kernels.h"

namespace edgeseg {

// The kernels in use; nullptr when EDGESEG_KERNELS names some that are not there.
const Kernels* kernels();

// Writes why `kernels()` found none.
void explain_missing(const char* name, char* error, size_t error_size);

}  // namespace edgeseg
