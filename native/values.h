// How edgeseg_values says what the kernels may compute instead of looking up.
#pragma once

#include "edgeseg.h"

namespace edgeseg {

enum ValueForm : int32_t { kTableForm = 0, kAffineForm = 1, kDivisionForm = 2 };

}  // namespace edgeseg
