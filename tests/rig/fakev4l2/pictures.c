// When pictures come, and what they show.

#include <string.h>

#include "fake.h"

bool IsJpeg(uint32_t format) { return format == V4L2_PIX_FMT_MJPEG; }

uint32_t BytesPerLine(const Mode* mode) {
  if (IsJpeg(mode->format)) return 0;
  return mode->format == V4L2_PIX_FMT_YUYV ? 2 * mode->width : mode->width;
}

uint32_t ImageBytes(const Mode* mode) {
  uint32_t pixels = mode->width * mode->height;
  if (mode->format == V4L2_PIX_FMT_GREY) return pixels;
  return mode->format == V4L2_PIX_FMT_NV12 ? pixels / 2 * 3 : 2 * pixels;
}

static bool IsBright(const Mode* mode, uint32_t number, uint32_t x, bool in_number) {
  if (in_number) return number >> (x * kNumberBits / mode->width) & 1;
  uint32_t bar = number * 8 % mode->width;
  return x >= bar && x < bar + mode->width / 16;
}

static void DrawPixels(const Mode* mode, uint32_t number, uint8_t* pixels) {
  unsigned step = mode->format == V4L2_PIX_FMT_YUYV ? 2 : 1;
  size_t row_bytes = mode->width * step;
  uint32_t number_rows = mode->height / 8;
  memset(pixels, 128, ImageBytes(mode));
  for (uint32_t y = 0; y < mode->height; y++) {
    uint8_t* row = pixels + y * row_bytes;
    if (y != 0 && y != number_rows) {
      memcpy(row, row - row_bytes, row_bytes);
      continue;
    }
    for (uint32_t x = 0; x < mode->width; x++)
      row[x * step] = IsBright(mode, number, x, y < number_rows) ? 235 : 16;
  }
}

static uint32_t DrawJpeg(const Handle* handle, bool whole, uint8_t* data) {
  const Camera* camera = handle->camera;
  if (!camera->jpeg_count) return 0;
  const Jpeg* jpeg = &camera->jpegs[camera->shown % camera->jpeg_count];
  size_t bytes = whole ? jpeg->bytes : jpeg->bytes / 2;
  if (bytes > handle->buffer_bytes) bytes = handle->buffer_bytes;
  memcpy(data, jpeg->data, bytes);
  return (uint32_t)bytes;
}

uint32_t Draw(Handle* handle, unsigned index, const Control* control) {
  Camera* camera = handle->camera;
  uint8_t* data = handle->memory + index * handle->buffer_bytes;
  uint32_t bytes = ImageBytes(&handle->mode);
  if (!Says(control, "freeze")) camera->shown = (uint32_t)camera->report->delivered;
  if (IsJpeg(handle->mode.format))
    bytes = DrawJpeg(handle, !Says(control, "damage"), data);
  else
    DrawPixels(&handle->mode, camera->shown, data);
  return Says(control, "odd") ? bytes / 2 + 1 : bytes;
}

// The buffer that has waited longest takes the picture.
static void Fill(Handle* handle) {
  handle->filled[handle->filled_count++] = (Filled){handle->queued[0], handle->next_s};
  handle->queued_count--;
  memmove(handle->queued, handle->queued + 1, handle->queued_count * sizeof handle->queued[0]);
}

void Advance(Handle* handle, const Control* control, double now_s) {
  double period_s = 1.0 / handle->mode.fps;
  if (!handle->streaming) return;
  if (Says(control, "stall") || Says(control, "hang")) handle->next_s = now_s + period_s;
  for (; handle->next_s <= now_s; handle->next_s += period_s) {
    if (handle->queued_count)
      Fill(handle);
    else
      handle->camera->report->lost++;
  }
}
