// The only file that knows Python. It turns arrays into pointers, sizes and strides, and runs the
// kernels without the GIL; they check what they get.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <climits>
#include <cstdint>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "edgeseg.h"

namespace nb = nanobind;

namespace {

using Input = nb::ndarray<nb::ro, nb::device::cpu>;
using Output = nb::ndarray<nb::device::cpu>;

[[noreturn]] void refuse(const std::string& reason) { throw nb::value_error(reason.c_str()); }

void raise_unless_ok(edgeseg_status status, const char* error) {
  if (status == EDGESEG_NO_MEMORY) throw std::bad_alloc();
  if (status != EDGESEG_OK) refuse(error);
}

template <typename Array>
edgeseg_dtype dtype_of(const Array& array, const char* name) {
  if (array.dtype() == nb::dtype<int8_t>()) return EDGESEG_INT8;
  if (array.dtype() == nb::dtype<uint8_t>()) return EDGESEG_UINT8;
  if (array.dtype() == nb::dtype<float>()) return EDGESEG_FLOAT32;
  const nb::dlpack::dtype half{static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 16, 1};
  if (array.dtype() == half) return EDGESEG_FLOAT16;
  refuse(std::string(name) + " is not int8, uint8, float16 or float32");
}

template <typename Array>
void check_dimensions(const Array& array, const char* name, size_t dimensions) {
  if (array.ndim() != dimensions) {
    refuse(std::string(name) + " has " + std::to_string(array.ndim()) + " dimensions, expected " +
           std::to_string(dimensions));
  }
  for (size_t d = 0; d < dimensions; ++d) {
    if (array.shape(d) < 1 || array.shape(d) > INT_MAX / 2) {
      refuse(std::string(name) + " has a side of " + std::to_string(array.shape(d)) + " elements");
    }
  }
}

template <typename Array>
int32_t side(const Array& array, size_t d) {
  return static_cast<int32_t>(array.shape(d));
}

template <typename Array>
ptrdiff_t stride_bytes(const Array& array, size_t d) {
  return static_cast<ptrdiff_t>(array.stride(d)) * static_cast<ptrdiff_t>(array.itemsize());
}

// An output of the frame's size whose pixels stand side by side; rows may lie apart.
void check_map(const Output& map, const char* name, int32_t height, int32_t width) {
  check_dimensions(map, name, 2);
  if (side(map, 0) != height || side(map, 1) != width) {
    refuse(std::string(name) + " is " + std::to_string(map.shape(0)) + " x " +
           std::to_string(map.shape(1)) + ", expected " + std::to_string(height) + " x " +
           std::to_string(width));
  }
  if (map.shape(1) > 1 && map.stride(1) != 1) refuse(std::string(name) + "'s columns lie apart");
}

edgeseg_scores scores_of(const Input& scores) {
  check_dimensions(scores, "scores", 3);
  return {scores.data(),           dtype_of(scores, "scores"),
          side(scores, 0),         side(scores, 1),
          side(scores, 2),         stride_bytes(scores, 0),
          stride_bytes(scores, 1), stride_bytes(scores, 2)};
}

edgeseg_decoded decoded_of(const Output& classes) {
  check_dimensions(classes, "out", 2);
  if (classes.dtype() != nb::dtype<uint8_t>()) refuse("out is not uint8");
  edgeseg_decoded out{};
  out.height = side(classes, 0);
  out.width = side(classes, 1);
  check_map(classes, "out", out.height, out.width);
  out.classes = static_cast<uint8_t*>(classes.data());
  out.classes_stride = stride_bytes(classes, 0);
  return out;
}

void add_confidence(const Output& confidence, double scale, edgeseg_decoded* out) {
  check_map(confidence, "confidence", out->height, out->width);
  out->confidence = confidence.data();
  out->confidence_dtype = dtype_of(confidence, "confidence");
  out->confidence_stride = stride_bytes(confidence, 0);
  out->confidence_scale = scale;
}

void add_counts(const Output& counts, int32_t classes, edgeseg_decoded* out) {
  check_dimensions(counts, "counts", 1);
  if (counts.dtype() != nb::dtype<uint32_t>()) refuse("counts is not uint32");
  if (side(counts, 0) != classes || (classes > 1 && counts.stride(0) != 1)) {
    refuse("counts is not one row of " + std::to_string(classes) + " numbers");
  }
  out->counts = static_cast<uint32_t*>(counts.data());
}

void decode(const Input& scores, double scale_x, double scale_y, double offset_x, double offset_y,
            bool nearest, const Output& classes, const std::optional<Output>& confidence,
            double confidence_scale, const std::optional<Output>& counts) {
  const edgeseg_scores from = scores_of(scores);
  const edgeseg_grid grid{scale_x, scale_y, offset_x, offset_y, nearest};
  edgeseg_decoded out = decoded_of(classes);
  if (confidence) add_confidence(*confidence, confidence_scale, &out);
  if (counts) add_counts(*counts, from.classes, &out);
  char error[256] = "";
  edgeseg_status status = EDGESEG_OK;
  {
    nb::gil_scoped_release unlocked;
    status = edgeseg_decode(&from, &grid, &out, error, sizeof error);
  }
  raise_unless_ok(status, error);
}

std::vector<std::string> kernels() {
  std::vector<std::string> names;
  for (int n = 0; const char* name = edgeseg_kernels_at(n); ++n) names.emplace_back(name);
  return names;
}

void set_kernels(const std::string& name) {
  char error[256] = "";
  raise_unless_ok(edgeseg_set_kernels(name.c_str(), error, sizeof error), error);
}

}  // namespace

NB_MODULE(_native, module) {
  module.doc() = "edgeseg's native kernels; edgeseg.kernels chooses between them and NumPy.";
  module.def("kernels", &kernels, "The kernels that run on this CPU, the best first.");
  module.def("set_kernels", &set_kernels, nb::arg("name"), "Take these from now on.");
  module.def("decode", &decode, nb::arg("scores").noconvert(), nb::arg("scale_x"),
             nb::arg("scale_y"), nb::arg("offset_x"), nb::arg("offset_y"), nb::arg("nearest"),
             nb::arg("out").noconvert(), nb::arg("confidence").noconvert() = nb::none(),
             nb::arg("confidence_scale") = 1.0, nb::arg("counts").noconvert() = nb::none(),
             "Write the class of each pixel to `out` (see edgeseg_decode in native/edgeseg.h).");
}
