// Every entry point refuses senseless arguments, says which in words, and writes nothing.
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "edgeseg.h"

namespace {

constexpr int kSide = 4;
int faults = 0;
char error[200];

// The call must be refused with a text that names what was wrong, also where there is no room for
// a text or little.
template <typename Call>
void refused(const char* word, const Call& call) {
  error[0] = '\0';
  const edgeseg_status status = call(error, sizeof error);
  const bool told = std::strstr(error, word) != nullptr;
  char little[4] = "abc";
  const bool always = call(nullptr, size_t{0}) == status && call(little, size_t{0}) == status &&
                      std::strcmp(little, "abc") == 0 && call(little, sizeof little) == status &&
                      std::strlen(little) < sizeof little;
  if (status == EDGESEG_INVALID && told && always) return;
  std::printf("expected a refusal that says '%s', got status %d: '%s'\n", word, status, error);
  ++faults;
}

template <typename Call>
void taken(const char* name, const Call& call) {
  error[0] = '\0';
  if (call(error, sizeof error) == EDGESEG_OK && error[0] == '\0') return;
  std::printf("%s: expected to be taken, got '%s'\n", name, error);
  ++faults;
}

// One argument of a good call made bad.
template <typename Value>
struct Bad {
  Value* place;
  Value value;
  const char* word;
};

template <typename Value, typename Call>
void each(std::initializer_list<Bad<Value>> bads, const Call& call) {
  for (const Bad<Value>& bad : bads) {
    const Value good = *bad.place;
    *bad.place = bad.value;
    refused(bad.word, call);
    *bad.place = good;
  }
}

void decode() {
  const int8_t data[2 * 2 * 3] = {};
  uint8_t classes[kSide * kSide], steps[kSide * kSide];
  edgeseg_scores scores{data, EDGESEG_INT8, 2, 2, 3, 6, 3, 1};
  edgeseg_grid grid{0.5, 0.5, 0, 0, 0};
  edgeseg_decoded out{kSide, kSide,         0,     0, classes, kSide,
                      steps, EDGESEG_UINT8, kSide, 1, nullptr, nullptr};
  const auto call = [&](char* text, size_t size) {
    return edgeseg_decode(&scores, &grid, &out, text, size);
  };
  taken("decode", call);
  refused("NULL", [&](char* t, size_t n) { return edgeseg_decode(nullptr, &grid, &out, t, n); });
  refused("NULL", [&](char* t, size_t n) { return edgeseg_decode(&scores, nullptr, &out, t, n); });
  refused("NULL", [&](char* t, size_t n) { return edgeseg_decode(&scores, &grid, nullptr, t, n); });
  each<const void*>({{&scores.data, nullptr, "scores.data"}}, call);
  each<uint8_t*>({{&out.classes, nullptr, "out.classes"}}, call);
  each<int32_t>({{&scores.height, 0, "scores"},
                 {&scores.width, -1, "scores"},
                 {&scores.width, INT_MAX, "scores"},
                 {&scores.classes, 0, "classes"},
                 {&scores.classes, 257, "257 classes"},
                 {&out.height, 0, "out"},
                 {&out.width, EDGESEG_MAX_SIDE + 1, "65537"},
                 {&out.width, INT_MIN, "out"},
                 {&out.row_begin, -1, "rows"},
                 {&out.row_begin, 1, "rows"},
                 {&out.row_end, kSide + 1, "rows"}},
                call);
  each<double>({{&grid.scale_x, 0, "grid"},
                {&grid.scale_y, -1, "grid"},
                {&grid.scale_y, INFINITY, "grid"},
                {&grid.offset_x, NAN, "grid"},
                {&out.confidence_scale, 0, "confidence_scale"},
                {&out.confidence_scale, NAN, "confidence_scale"}},
               call);
  each<edgeseg_dtype>({{&scores.dtype, static_cast<edgeseg_dtype>(0), "dtype"},
                       {&scores.dtype, EDGESEG_INT16, "dtype"},
                       {&out.confidence_dtype, EDGESEG_INT8, "confidence_dtype"}},
                      call);
}

void prepare() {
  const uint8_t pixels[kSide * kSide * 3] = {};
  std::vector<int8_t> tensor(kSide * kSide * 3);
  double mean[3] = {127.5, 127.5, 127.5}, deviation[3] = {127.5, 127.5, 127.5};
  edgeseg_values values;
  double scale = 1 / 127.5;
  const auto fill = [&](char* text, size_t size) {
    return edgeseg_values_init(&values, EDGESEG_INT8, mean, deviation, scale, -1, text, size);
  };
  taken("values_init", fill);
  each<double>({{&mean[1], NAN, "mean"},
                {&deviation[2], 0, "deviation"},
                {&deviation[0], INFINITY, "deviation"},
                {&scale, NAN, "scale"}},
               fill);
  refused("NULL", [&](char* t, size_t n) {
    return edgeseg_values_init(nullptr, EDGESEG_INT8, mean, deviation, scale, -1, t, n);
  });
  refused("dtype", [&](char* t, size_t n) {
    return edgeseg_values_init(&values, EDGESEG_FLOAT16, mean, deviation, scale, -1, t, n);
  });

  edgeseg_frame frame{EDGESEG_BGR, kSide, kSide, pixels, kSide * 3, nullptr, 0};
  edgeseg_input input{tensor.data(), kSide * 3, kSide, kSide, 1, 0, 0, kSide, kSide, 0, 0, nullptr};
  const auto call = [&](char* text, size_t size) {
    return edgeseg_prepare(&frame, &values, &input, text, size);
  };
  taken("prepare", call);
  refused("NULL",
          [&](char* t, size_t n) { return edgeseg_prepare(nullptr, &values, &input, t, n); });
  refused("NULL",
          [&](char* t, size_t n) { return edgeseg_prepare(&frame, nullptr, &input, t, n); });
  refused("NULL",
          [&](char* t, size_t n) { return edgeseg_prepare(&frame, &values, nullptr, t, n); });
  each<const uint8_t*>({{&frame.data, nullptr, "frame.data"}}, call);
  each<void*>({{&input.data, nullptr, "input.data"}}, call);
  each<edgeseg_layout>({{&frame.layout, static_cast<edgeseg_layout>(0), "layout"},
                        {&frame.layout, EDGESEG_NV12, "chroma"}},
                       call);
  each<int32_t>({{&frame.height, 0, "frame"},
                 {&frame.width, INT_MAX, "frame"},
                 {&input.height, 0, "input"},
                 {&input.width, EDGESEG_MAX_SIDE + 1, "input"},
                 {&input.frame_width, kSide + 1, "frame"},
                 {&input.frame_height, 0, "frame"},
                 {&input.frame_x, 1, "frame"},
                 {&input.frame_y, INT_MIN, "frame"},
                 {&input.row_end, kSide + 1, "rows"}},
                call);
  frame.layout = EDGESEG_YUYV;
  each<int32_t>({{&frame.width, 3, "even"}}, call);
  values = edgeseg_values{};
  frame.layout = EDGESEG_BGR;
  refused("edgeseg_values_init", call);
}

void overlay() {
  const uint8_t mask[kSide * kSide] = {}, colors[3] = {};
  uint8_t picture[kSide * kSide * 3] = {};
  edgeseg_classes classes{mask, kSide, kSide, kSide, 0, 0, nullptr};
  edgeseg_palette palette{colors, 1};
  edgeseg_contours contours{2, palette};
  double alpha = 0.5;
  const uint8_t* frame = picture;
  uint8_t* out = picture;
  const auto blend = [&](char* text, size_t size) {
    return edgeseg_overlay(&classes, &palette, alpha, &contours, frame, kSide * 3, out, kSide * 3,
                           text, size);
  };
  const auto paint = [&](char* text, size_t size) {
    return edgeseg_colorize(&classes, &palette, out, kSide * 3, text, size);
  };
  taken("overlay", blend);
  taken("colorize", paint);
  const auto both = [&](auto bads) {
    each(bads, blend);
    each(bads, paint);
  };
  both(std::initializer_list<Bad<const uint8_t*>>{{&classes.data, nullptr, "classes.data"},
                                                  {&palette.colors, nullptr, "colors"}});
  both(std::initializer_list<Bad<int32_t>>{{&classes.height, 0, "classes"},
                                           {&classes.width, EDGESEG_MAX_SIDE + 1, "classes"},
                                           {&classes.row_begin, 3, "rows"},
                                           {&palette.count, 257, "257 colours"}});
  both(std::initializer_list<Bad<uint8_t*>>{{&out, nullptr, "NULL"}});
  each<const uint8_t*>({{&frame, nullptr, "NULL"}}, blend);
  each<double>({{&alpha, 1.5, "alpha"}, {&alpha, NAN, "alpha"}}, blend);
  each<int32_t>({{&contours.width, -1, "contours"},
                 {&contours.width, EDGESEG_MAX_CONTOUR + 1, "contours"},
                 {&contours.palette.count, -1, "colours"}},
                blend);
}

}  // namespace

int main() {
  decode();
  prepare();
  overlay();
  if (edgeseg_set_kernels("magic", error, sizeof error) != EDGESEG_NO_KERNELS ||
      std::strstr(error, "portable") == nullptr) {
    std::printf("unknown kernels: '%s'\n", error);
    ++faults;
  }
  if (faults == 0) std::printf("all refused as they should be\n");
  return faults == 0 ? 0 : 1;
}
