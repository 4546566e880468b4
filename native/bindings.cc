#include <nanobind/nanobind.h>

NB_MODULE(_native, module) { module.doc() = "edgeseg's native kernels"; }
