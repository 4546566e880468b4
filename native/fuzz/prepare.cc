// edgeseg_prepare: frames of every layout into tensors of every type, with letterboxes.
#include "input.h"

namespace fuzz {
namespace {

constexpr int kMostPixels = 90;

struct Case {
  edgeseg_frame frame;
  edgeseg_values values;
  edgeseg_input input;
};

size_t pixel_bytes(edgeseg_layout layout) {
  const size_t sizes[] = {0, 3, 3, 1, 2, 1};
  return sizes[layout];
}

ptrdiff_t item_bytes(edgeseg_dtype dtype) {
  const ptrdiff_t sizes[] = {0, 1, 1, 2, 4, 2};
  return sizes[dtype];
}

void choose_frame(Input* input, edgeseg_frame* frame) {
  frame->layout = static_cast<edgeseg_layout>(1 + input->below(5));
  const bool wide = frame->layout == EDGESEG_YUYV || frame->layout == EDGESEG_NV12;
  frame->height = 1 + input->below(kMostPixels);
  frame->width = 1 + input->below(kMostPixels);
  if (wide) frame->width += frame->width % 2;
  if (frame->layout == EDGESEG_NV12) frame->height += frame->height % 2;
  frame->row_stride = static_cast<ptrdiff_t>(pixel_bytes(frame->layout)) * frame->width;
  frame->row_stride += input->below(4);
  frame->chroma_stride = frame->width + input->below(4);
}

// Any statistics and scales; those that are refused are taken out by the caller.
edgeseg_status choose_values(Input* input, edgeseg_values* values) {
  const edgeseg_dtype dtypes[] = {EDGESEG_INT8, EDGESEG_UINT8, EDGESEG_INT16, EDGESEG_FLOAT32,
                                  EDGESEG_FLOAT16};
  double mean[3], deviation[3];
  for (int c = 0; c < 3; ++c) {
    mean[c] = input->real(255);
    deviation[c] = input->real(128);
  }
  const double scale = input->real(0.1);
  const int zero_point = input->one_in(8) ? input->take<int32_t>() : input->below(256) - 128;
  Text text;
  const edgeseg_status status =
      edgeseg_values_init(values, dtypes[input->below(5)], mean, deviation, scale, zero_point,
                          text.data(), text.size());
  text.check(status);
  return status;
}

void choose_input(Input* input, edgeseg_dtype dtype, edgeseg_input* to) {
  to->height = 1 + input->below(kMostPixels);
  to->width = 1 + input->below(kMostPixels);
  to->rgb = input->below(2);
  to->row_stride = item_bytes(dtype) * (3 * to->width + input->below(3));
  to->frame_height = 1 + input->below(to->height);
  to->frame_width = 1 + input->below(to->width);
  to->frame_y = input->below(to->height + 1 - to->frame_height);
  to->frame_x = input->below(to->width + 1 - to->frame_width);
  if (input->one_in(3)) {
    to->row_begin = input->below(to->height + 1);
    to->row_end = to->row_begin + input->below(to->height + 1 - to->row_begin);
  }
}

void spoil(Input* input, Case* c) {
  const int32_t sizes[] = {0, -1, INT32_MIN, INT32_MAX, EDGESEG_MAX_SIDE + 1};
  int32_t* const places[] = {&c->frame.height,      &c->frame.width,       &c->input.height,
                             &c->input.width,       &c->input.frame_width, &c->input.row_end,
                             &c->input.frame_height};
  const int which = input->below(10);
  if (which < 7) {
    *places[which] = sizes[input->below(5)];
    if (places[which] == &c->input.row_end && c->input.row_end == 0) c->input.row_end = -1;
  } else if (which == 7) {
    c->frame.layout = static_cast<edgeseg_layout>(input->one_in(2) ? 0 : 6);
  } else if (which == 8) {
    c->values.dtype = static_cast<edgeseg_dtype>(0);
  } else {
    c->input.frame_x = input->one_in(2) ? -1 : INT32_MAX;
  }
}

size_t rows_of(int height, ptrdiff_t stride, ptrdiff_t last) {
  return static_cast<size_t>((height - 1) * stride + last);
}

}  // namespace

void prepare(Input* input) {
  Case c{};
  choose_frame(input, &c.frame);
  if (choose_values(input, &c.values) != EDGESEG_OK) return;
  choose_input(input, c.values.dtype, &c.input);
  const auto row = static_cast<ptrdiff_t>(pixel_bytes(c.frame.layout)) * c.frame.width;
  Memory pixels(rows_of(c.frame.height, c.frame.row_stride, row));
  const bool nv12 = c.frame.layout == EDGESEG_NV12;
  Memory chroma(nv12 ? rows_of(c.frame.height / 2, c.frame.chroma_stride, c.frame.width) : 0);
  const ptrdiff_t last = item_bytes(c.values.dtype) * 3 * c.input.width;
  const size_t size = rows_of(c.input.height, c.input.row_stride, last);
  const bool spoilt = input->one_in(6);
  c.frame.data = pixels.data();
  c.frame.chroma = nv12 ? chroma.data() : nullptr;
  if (spoilt) spoil(input, &c);
  input->fill(pixels.data(), pixels.size());
  input->fill(chroma.data(), chroma.size());

  const auto run = [&](uint8_t* out, Text* text) {
    edgeseg_input to = c.input;
    to.data = out;
    const edgeseg_status status =
        edgeseg_prepare(&c.frame, &c.values, &to, text->data(), text->size());
    if (spoilt) expect(status == EDGESEG_INVALID, "nonsense was not refused");
    return status;
  };
  compare_kernels(size, run);
}

}  // namespace fuzz
