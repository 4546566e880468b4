// The only file that knows Python. It turns arrays into pointers, sizes and strides, and runs the
// kernels without the GIL; they check what they get.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <array>
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

// ---- pools ----

class Pool {
 public:
  explicit Pool(int32_t threads) {
    char error[256] = "";
    raise_unless_ok(edgeseg_pool_create(&pool_, threads, error, sizeof error), error);
  }
  ~Pool() { edgeseg_pool_destroy(pool_); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  edgeseg_pool* get() const { return pool_; }

 private:
  edgeseg_pool* pool_ = nullptr;
};

edgeseg_pool* lent(const Pool* pool) { return pool == nullptr ? nullptr : pool->get(); }

// ---- decode ----

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
            double confidence_scale, const std::optional<Output>& counts, const Pool* pool) {
  const edgeseg_scores from = scores_of(scores);
  const edgeseg_grid grid{scale_x, scale_y, offset_x, offset_y, nearest};
  edgeseg_decoded out = decoded_of(classes);
  if (confidence) add_confidence(*confidence, confidence_scale, &out);
  if (counts) add_counts(*counts, from.classes, &out);
  out.pool = lent(pool);
  char error[256] = "";
  edgeseg_status status = EDGESEG_OK;
  {
    nb::gil_scoped_release unlocked;
    status = edgeseg_decode(&from, &grid, &out, error, sizeof error);
  }
  raise_unless_ok(status, error);
}

// ---- prepare ----

void init_values(edgeseg_values* values, edgeseg_dtype dtype, const std::array<double, 3>& mean,
                 const std::array<double, 3>& deviation, double scale, int32_t zero_point) {
  char error[256] = "";
  new (values) edgeseg_values;
  raise_unless_ok(edgeseg_values_init(values, dtype, mean.data(), deviation.data(), scale,
                                      zero_point, error, sizeof error),
                  error);
}

// A picture of bytes whose pixels stand side by side; rows may lie apart.
template <typename Array>
void check_picture(const Array& picture, const char* name, size_t channels) {
  check_dimensions(picture, name, channels == 1 ? 2 : 3);
  if (picture.dtype() != nb::dtype<uint8_t>()) refuse(std::string(name) + " is not uint8");
  const bool deep = channels > 1;
  if (deep && picture.shape(2) != channels) {
    refuse(std::string(name) + " has " + std::to_string(picture.shape(2)) + " channels, expected " +
           std::to_string(channels));
  }
  if ((deep && picture.stride(2) != 1) ||
      (picture.shape(1) > 1 && picture.stride(1) != static_cast<int64_t>(channels))) {
    refuse(std::string(name) + "'s pixels lie apart");
  }
}

edgeseg_frame frame_of(const Input& pixels, edgeseg_layout layout) {
  const bool flat = layout == EDGESEG_GREY || layout == EDGESEG_NV12;
  check_picture(pixels, "frame", flat ? 1 : layout == EDGESEG_YUYV ? 2 : 3);
  edgeseg_frame frame{};
  frame.layout = layout;
  frame.height = side(pixels, 0);
  frame.width = side(pixels, 1);
  frame.data = static_cast<const uint8_t*>(pixels.data());
  frame.row_stride = stride_bytes(pixels, 0);
  if (layout == EDGESEG_NV12) {
    if (frame.height % 3 != 0) refuse("frame's height is not that of NV12, 3/2 of an even number");
    frame.height = frame.height / 3 * 2;
    frame.chroma = frame.data + frame.height * frame.row_stride;
    frame.chroma_stride = frame.row_stride;
  }
  return frame;
}

edgeseg_input input_of(const Output& out, const edgeseg_values& values, bool rgb,
                       const std::array<int32_t, 4>& place) {
  check_dimensions(out, "out", 3);
  const nb::dlpack::dtype types[] = {
      nb::dtype<int8_t>(), nb::dtype<uint8_t>(), {}, nb::dtype<float>(), nb::dtype<int16_t>()};
  if (out.dtype() != types[values.dtype - EDGESEG_INT8]) refuse("out is not of the values' type");
  if (out.shape(2) != 3 || out.stride(2) != 1 || (out.shape(1) > 1 && out.stride(1) != 3)) {
    refuse("out is not [height, width, 3] with its pixels side by side");
  }
  const auto [x, y, width, height] = place;
  return {
      out.data(), stride_bytes(out, 0), side(out, 0), side(out, 1), rgb, x, y, height, width, 0, 0,
      nullptr};
}

void prepare(const Input& pixels, edgeseg_layout layout, const edgeseg_values& values,
             const Output& out, bool rgb, const std::array<int32_t, 4>& place, const Pool* pool) {
  const edgeseg_frame frame = frame_of(pixels, layout);
  edgeseg_input input = input_of(out, values, rgb, place);
  input.pool = lent(pool);
  char error[256] = "";
  edgeseg_status status = EDGESEG_OK;
  {
    nb::gil_scoped_release unlocked;
    status = edgeseg_prepare(&frame, &values, &input, error, sizeof error);
  }
  raise_unless_ok(status, error);
}

// ---- overlay ----

edgeseg_classes classes_of(const Input& mask, const Pool* pool) {
  check_picture(mask, "mask", 1);
  return {static_cast<const uint8_t*>(mask.data()),
          side(mask, 0),
          side(mask, 1),
          stride_bytes(mask, 0),
          0,
          0,
          lent(pool)};
}

edgeseg_palette palette_of(const Input& palette) {
  check_dimensions(palette, "palette", 2);
  if (palette.dtype() != nb::dtype<uint8_t>() || palette.shape(1) != 3 || palette.stride(1) != 1 ||
      (palette.shape(0) > 1 && palette.stride(0) != 3)) {
    refuse("palette is not uint8 [classes, 3], contiguous");
  }
  return {static_cast<const uint8_t*>(palette.data()), side(palette, 0)};
}

template <typename Array>
void check_size(const Array& picture, const char* name, const edgeseg_classes& classes) {
  check_picture(picture, name, 3);
  if (side(picture, 0) != classes.height || side(picture, 1) != classes.width) {
    refuse(std::string(name) + " has not the mask's size");
  }
}

void colorize(const Input& mask, const Input& palette, const Output& out, const Pool* pool) {
  const edgeseg_classes classes = classes_of(mask, pool);
  const edgeseg_palette colors = palette_of(palette);
  check_size(out, "out", classes);
  auto* data = static_cast<uint8_t*>(out.data());
  char error[256] = "";
  edgeseg_status status = EDGESEG_OK;
  {
    nb::gil_scoped_release unlocked;
    status = edgeseg_colorize(&classes, &colors, data, stride_bytes(out, 0), error, sizeof error);
  }
  raise_unless_ok(status, error);
}

void overlay(const Input& frame, const Input& mask, const Input& palette, double alpha,
             const Output& out, int contour, const Input& contour_palette, const Pool* pool) {
  const edgeseg_classes classes = classes_of(mask, pool);
  const edgeseg_palette colors = palette_of(palette);
  const edgeseg_contours contours{contour, palette_of(contour_palette)};
  check_size(frame, "frame", classes);
  check_size(out, "out", classes);
  const auto* from = static_cast<const uint8_t*>(frame.data());
  auto* to = static_cast<uint8_t*>(out.data());
  char error[256] = "";
  edgeseg_status status = EDGESEG_OK;
  {
    nb::gil_scoped_release unlocked;
    status = edgeseg_overlay(&classes, &colors, alpha, &contours, from, stride_bytes(frame, 0), to,
                             stride_bytes(out, 0), error, sizeof error);
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
  nb::class_<Pool>(module, "Pool", "Threads that share a call's rows (edgeseg_pool_create).")
      .def(nb::init<int32_t>(), nb::arg("threads"));
  module.def("decode", &decode, nb::arg("scores").noconvert(), nb::arg("scale_x"),
             nb::arg("scale_y"), nb::arg("offset_x"), nb::arg("offset_y"), nb::arg("nearest"),
             nb::arg("out").noconvert(), nb::arg("confidence").noconvert() = nb::none(),
             nb::arg("confidence_scale") = 1.0, nb::arg("counts").noconvert() = nb::none(),
             nb::arg("pool") = nb::none(),
             "Write the class of each pixel to `out` (see edgeseg_decode in native/edgeseg.h).");

  nb::enum_<edgeseg_dtype>(module, "DType")
      .value("int8", EDGESEG_INT8)
      .value("uint8", EDGESEG_UINT8)
      .value("int16", EDGESEG_INT16)
      .value("float32", EDGESEG_FLOAT32);
  nb::enum_<edgeseg_layout>(module, "Layout")
      .value("bgr", EDGESEG_BGR)
      .value("rgb", EDGESEG_RGB)
      .value("grey", EDGESEG_GREY)
      .value("yuyv", EDGESEG_YUYV)
      .value("nv12", EDGESEG_NV12);
  nb::class_<edgeseg_values>(module, "Values", "What a pixel becomes (edgeseg_values_init).")
      .def("__init__", &init_values, nb::arg("dtype"), nb::arg("mean"), nb::arg("std"),
           nb::arg("scale"), nb::arg("zero_point"));
  module.def("prepare", &prepare, nb::arg("frame").noconvert(), nb::arg("layout"),
             nb::arg("values"), nb::arg("out").noconvert(), nb::arg("rgb"), nb::arg("place"),
             nb::arg("pool") = nb::none(),
             "Write a frame's input tensor to `out` (see edgeseg_prepare).");
  module.def("colorize", &colorize, nb::arg("mask").noconvert(), nb::arg("palette").noconvert(),
             nb::arg("out").noconvert(), nb::arg("pool") = nb::none(),
             "Write each pixel's colour to `out`.");
  module.def("overlay", &overlay, nb::arg("frame").noconvert(), nb::arg("mask").noconvert(),
             nb::arg("palette").noconvert(), nb::arg("alpha"), nb::arg("out").noconvert(),
             nb::arg("contour"), nb::arg("contour_palette").noconvert(),
             nb::arg("pool") = nb::none(),
             "Write the frame with the colours laid over it to `out` (see edgeseg_overlay).");
}
