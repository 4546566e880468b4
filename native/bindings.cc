// The only file that knows Python. It checks every array, then runs the kernels without the GIL.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <climits>
#include <cstdint>
#include <string>

#include "decode.h"

namespace nb = nanobind;

namespace {

using Input = nb::ndarray<nb::ro, nb::device::cpu>;
using Output = nb::ndarray<nb::device::cpu>;

[[noreturn]] void refuse(const std::string& reason) { throw nb::value_error(reason.c_str()); }

template <typename Array>
void check_layout(const Array& array, const char* name, size_t dimensions) {
  if (array.ndim() != dimensions) {
    refuse(std::string(name) + " has " + std::to_string(array.ndim()) + " dimensions, expected " +
           std::to_string(dimensions));
  }
  for (size_t d = 0; d < dimensions; ++d) {
    if (array.shape(d) < 1 || array.shape(d) > INT_MAX / 2) {
      refuse(std::string(name) + " has a side of " + std::to_string(array.shape(d)) + " elements");
    }
  }
  int64_t expected = 1;
  for (size_t d = dimensions; d-- > 0;) {
    if (array.shape(d) > 1 && array.stride(d) != expected) {
      refuse(std::string(name) + " is not C-contiguous; pass numpy.ascontiguousarray(...)");
    }
    expected *= static_cast<int64_t>(array.shape(d));
  }
}

edgeseg::Axis checked_axis(const Input& positions, const char* name, int cells) {
  check_layout(positions, name, 1);
  if (positions.dtype() != nb::dtype<int32_t>()) refuse(std::string(name) + " is not int32");
  const auto* data = static_cast<const int32_t*>(positions.data());
  const int count = static_cast<int>(positions.shape(0));
  const int64_t last = static_cast<int64_t>(cells - 1) << edgeseg::kFractionBits;
  for (int n = 0; n < count; ++n) {
    if (data[n] < 0 || data[n] > last) {
      refuse(std::string(name) + "[" + std::to_string(n) + "] is " + std::to_string(data[n]) +
             ", expected 0 to " + std::to_string(last));
    }
  }
  return {data, count};
}

uint8_t* checked_output(const Output& out, const edgeseg::Axis& columns,
                        const edgeseg::Axis& rows) {
  check_layout(out, "out", 2);
  if (out.dtype() != nb::dtype<uint8_t>()) refuse("out is not uint8");
  if (out.shape(0) != static_cast<size_t>(rows.count) ||
      out.shape(1) != static_cast<size_t>(columns.count)) {
    refuse("out is " + std::to_string(out.shape(0)) + " x " + std::to_string(out.shape(1)) +
           ", expected len(rows) x len(columns) = " + std::to_string(rows.count) + " x " +
           std::to_string(columns.count));
  }
  return static_cast<uint8_t*>(out.data());
}

template <typename T>
void decode_as(const Input& scores, const edgeseg::Axis& columns, const edgeseg::Axis& rows,
               bool nearest, uint8_t* out) {
  const edgeseg::Scores<T> grid{
      static_cast<const T*>(scores.data()), static_cast<int>(scores.shape(0)),
      static_cast<int>(scores.shape(1)), static_cast<int>(scores.shape(2))};
  nb::gil_scoped_release unlocked;
  if (nearest) {
    edgeseg::decode_nearest(grid, columns, rows, out);
  } else {
    edgeseg::decode_bilinear(grid, columns, rows, out);
  }
}

void decode(const Input& scores, const Input& columns, const Input& rows, bool nearest,
            const Output& out) {
  check_layout(scores, "scores", 3);
  if (scores.shape(2) > edgeseg::kMaxClasses) {
    refuse("scores has " + std::to_string(scores.shape(2)) + " classes, expected 1 to 256");
  }
  const auto across = checked_axis(columns, "columns", static_cast<int>(scores.shape(1)));
  const auto down = checked_axis(rows, "rows", static_cast<int>(scores.shape(0)));
  uint8_t* classes = checked_output(out, across, down);
  if (scores.dtype() == nb::dtype<int8_t>()) {
    decode_as<int8_t>(scores, across, down, nearest, classes);
  } else if (scores.dtype() == nb::dtype<uint8_t>()) {
    decode_as<uint8_t>(scores, across, down, nearest, classes);
  } else if (scores.dtype() == nb::dtype<float>()) {
    decode_as<float>(scores, across, down, nearest, classes);
  } else {
    refuse("scores is not int8, uint8 or float32");
  }
}

}  // namespace

NB_MODULE(_native, module) {
  module.doc() = "edgeseg's native kernels; edgeseg.kernels chooses between them and NumPy.";
  module.def("decode", &decode, nb::arg("scores").noconvert(), nb::arg("columns").noconvert(),
             nb::arg("rows").noconvert(), nb::arg("nearest"), nb::arg("out").noconvert(),
             "Write the class of each pixel to `out` (see native/decode.h).");
}
