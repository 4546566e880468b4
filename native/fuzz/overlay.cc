// edgeseg_colorize and edgeseg_overlay: any classes and palettes, contours, in place or not.
#include "input.h"

namespace fuzz {
namespace {

constexpr int kMostPixels = 90;

struct Case {
  edgeseg_classes classes;
  edgeseg_palette palette;
  edgeseg_contours contours;
  double alpha;
  ptrdiff_t frame_stride, out_stride;
  bool colorize, with_contours, in_place;
};

Case sensible(Input* input) {
  Case c{};
  c.classes.height = 1 + input->below(kMostPixels);
  c.classes.width = 1 + input->below(kMostPixels);
  c.classes.row_stride = c.classes.width + input->below(3);
  if (input->one_in(3)) {
    c.classes.row_begin = input->below(c.classes.height + 1);
    c.classes.row_end =
        c.classes.row_begin + input->below(c.classes.height + 1 - c.classes.row_begin);
  }
  c.palette.count = input->below(EDGESEG_MAX_CLASSES + 1);
  c.contours.width = input->below(input->one_in(4) ? EDGESEG_MAX_CONTOUR + 1 : 4);
  c.contours.palette.count = input->below(EDGESEG_MAX_CLASSES + 1);
  c.alpha = input->below(257) / 256.0;
  c.out_stride = 3 * c.classes.width + input->below(3);
  c.in_place = input->one_in(2);
  c.frame_stride = c.in_place ? c.out_stride : 3 * c.classes.width + input->below(3);
  c.colorize = input->one_in(3);
  c.with_contours = input->one_in(2);
  return c;
}

void spoil(Input* input, Case* c) {
  const int32_t sizes[] = {0, -1, INT32_MIN, INT32_MAX, EDGESEG_MAX_SIDE + 1};
  const int which = input->below(c->colorize ? 5 : c->with_contours ? 8 : 7);
  if (which == 0) c->classes.height = sizes[input->below(5)];
  if (which == 1) c->classes.width = sizes[input->below(5)];
  if (which == 2) c->classes.row_end = c->classes.height + 1;
  if (which == 3) c->classes.data = nullptr;
  if (which == 4) c->palette.count = input->one_in(2) ? -1 : EDGESEG_MAX_CLASSES + 1;
  if (which == 5) c->alpha = 1.0001;
  if (which == 6) c->alpha = -1e-9;
  if (which == 7) c->contours.width = EDGESEG_MAX_CONTOUR + 1;
}

size_t rows_of(int height, ptrdiff_t stride, ptrdiff_t last) {
  return static_cast<size_t>((height - 1) * stride + last);
}

}  // namespace

void overlay(Input* input) {
  Case c = sensible(input);
  const edgeseg_classes& k = c.classes;
  Memory classes(rows_of(k.height, k.row_stride, k.width));
  Memory frame(rows_of(k.height, c.frame_stride, 3 * k.width));
  Memory colors(3 * static_cast<size_t>(c.palette.count));
  Memory lines(3 * static_cast<size_t>(c.contours.palette.count));
  const size_t size = rows_of(k.height, c.out_stride, 3 * k.width);
  input->fill(classes.data(), classes.size());
  input->fill(frame.data(), frame.size());
  input->fill(colors.data(), colors.size());
  input->fill(lines.data(), lines.size());
  c.classes.data = classes.data();
  c.palette.colors = colors.data();
  c.contours.palette.colors = lines.data();
  const bool spoilt = input->one_in(6);
  if (spoilt) spoil(input, &c);

  const auto run = [&](uint8_t* out, Text* text) {
    if (c.in_place) std::memcpy(out, frame.data(), size);
    const edgeseg_status status =
        c.colorize ? edgeseg_colorize(&c.classes, &c.palette, out, c.out_stride, text->data(),
                                      text->size())
                   : edgeseg_overlay(&c.classes, &c.palette, c.alpha,
                                     c.with_contours ? &c.contours : nullptr,
                                     c.in_place ? out : frame.data(), c.frame_stride, out,
                                     c.out_stride, text->data(), text->size());
    if (spoilt) expect(status == EDGESEG_INVALID, "nonsense was not refused");
    return status;
  };
  compare_kernels(size, run);
}

}  // namespace fuzz
