// edgeseg_decode with arguments that are mostly, but not always, sensible.
#include <vector>

#include "input.h"

namespace fuzz {
namespace {

constexpr int kMostCells = 12;
constexpr int kMostPixels = 70;

struct Case {
  edgeseg_scores scores;
  edgeseg_grid grid;
  edgeseg_decoded out;  // without its pointers
  bool with_confidence, with_counts;
};

size_t size_of(int dtype) {
  const size_t sizes[] = {0, 1, 1, 2, 4};
  return sizes[dtype];
}

Case sensible(Input* input) {
  Case c{};
  c.scores.dtype = static_cast<edgeseg_dtype>(1 + input->below(4));
  c.scores.height = 1 + input->below(kMostCells);
  c.scores.width = 1 + input->below(kMostCells);
  c.scores.classes = 1 + input->below(input->one_in(6) ? EDGESEG_MAX_CLASSES : 24);
  const auto item = static_cast<ptrdiff_t>(size_of(c.scores.dtype));
  if (input->one_in(4)) {  // planes
    c.scores.column_stride = item;
    c.scores.row_stride = item * c.scores.width;
    c.scores.class_stride = c.scores.row_stride * c.scores.height;
  } else {
    c.scores.class_stride = item;
    c.scores.column_stride = item * (c.scores.classes + input->below(3));
    c.scores.row_stride = c.scores.column_stride * c.scores.width;
  }
  c.grid = {input->real(2), input->real(2), input->real(8) - 4, input->real(8) - 4,
            input->below(2)};
  c.out.height = 1 + input->below(kMostPixels);
  c.out.width = 1 + input->below(kMostPixels);
  if (input->one_in(3)) {
    c.out.row_begin = input->below(c.out.height + 1);
    c.out.row_end = c.out.row_begin + input->below(c.out.height + 1 - c.out.row_begin);
  }
  c.out.classes_stride = c.out.width + input->below(3);
  c.with_confidence = input->one_in(2);
  c.out.confidence_dtype = input->one_in(2) ? EDGESEG_UINT8 : EDGESEG_FLOAT32;
  const ptrdiff_t wide = c.out.confidence_dtype == EDGESEG_UINT8 ? 1 : 4;
  c.out.confidence_stride = wide * (c.out.width + input->below(3));
  c.out.confidence_scale = input->real(2);
  c.with_counts = input->one_in(2);
  return c;
}

size_t bytes_of(const edgeseg_scores& s) {
  const ptrdiff_t last = (s.height - 1) * s.row_stride + (s.width - 1) * s.column_stride +
                         (s.classes - 1) * s.class_stride;
  return static_cast<size_t>(last) + size_of(s.dtype);
}

size_t rows_of(const edgeseg_decoded& out, ptrdiff_t stride, ptrdiff_t item) {
  return static_cast<size_t>((out.height - 1) * stride + out.width * item);
}

// Makes one argument senseless. Memory was measured before, so a function that goes on is caught.
void spoil(Input* input, Case* c) {
  const int32_t sizes[] = {0, -1, INT32_MIN, INT32_MAX, EDGESEG_MAX_SIDE + 1};
  const int32_t size = sizes[input->below(5)];
  int32_t* const places[] = {&c->scores.height, &c->scores.width, &c->scores.classes,
                             &c->out.height, &c->out.width};
  const int which = input->below(8);
  if (which < 5) {
    *places[which] = size;
  } else if (which == 5) {
    c->scores.dtype = static_cast<edgeseg_dtype>(input->one_in(2) ? 0 : 9);
  } else if (which == 6) {
    c->out.row_end = c->out.height + 1;
  } else {
    c->scores.data = nullptr;
  }
}

}  // namespace

void decode(Input* input) {
  Case c = sensible(input);
  Memory scores(bytes_of(c.scores));
  const ptrdiff_t wide = c.out.confidence_dtype == EDGESEG_UINT8 ? 1 : 4;
  const size_t classes = rows_of(c.out, c.out.classes_stride, 1);
  const size_t aligned = (classes + 3) / 4 * 4;  // float32 and uint32 follow
  const size_t confidence = c.with_confidence ? rows_of(c.out, c.out.confidence_stride, wide) : 0;
  const size_t counts = c.with_counts ? 4 * static_cast<size_t>(c.scores.classes) : 0;
  const bool spoilt = input->one_in(6);
  c.scores.data = scores.data();
  if (spoilt) spoil(input, &c);
  input->fill(scores.data(), scores.size());

  // All outputs in one piece for the comparison; each also alone at the end of its memory.
  const auto run = [&](uint8_t* out, Text* text) {
    Memory own_classes(classes), own_confidence(confidence), own_counts(counts);
    edgeseg_decoded to = c.out;
    to.classes = own_classes.data();
    if (c.with_confidence) to.confidence = own_confidence.data();
    if (c.with_counts) to.counts = reinterpret_cast<uint32_t*>(own_counts.data());
    const edgeseg_status status =
        edgeseg_decode(&c.scores, &c.grid, &to, text->data(), text->size());
    std::memcpy(out, own_classes.data(), classes);
    std::memcpy(out + aligned, own_confidence.data(), confidence);
    std::memcpy(out + aligned + confidence, own_counts.data(), counts);
    if (spoilt) expect(status == EDGESEG_INVALID, "nonsense was not refused");
    return status;
  };
  compare_kernels(aligned + confidence + counts, run);
}

}  // namespace fuzz
