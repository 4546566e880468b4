// How the C functions say what was wrong.
#pragma once

#include "edgeseg.h"

namespace edgeseg {

// Where a function's error text goes.
struct Error {
  char* text;
  size_t size;
};

// Writes the text; returns EDGESEG_INVALID.
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
edgeseg_status invalid(const Error& error, const char* format, ...);

}  // namespace edgeseg
