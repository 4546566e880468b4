#include "errors.h"

#include <cstdarg>
#include <cstdio>

namespace edgeseg {

edgeseg_status invalid(const Error& error, const char* format, ...) {
  if (error.text != nullptr && error.size > 0) {
    va_list values;
    va_start(values, format);
    std::vsnprintf(error.text, error.size, format, values);
    va_end(values);
  }
  return EDGESEG_INVALID;
}

}  // namespace edgeseg
