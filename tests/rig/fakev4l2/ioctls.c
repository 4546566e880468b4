// What a camera answers: the ioctls of linux/videodev2.h that programs use to read one.

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"

int Fail(int code) {
  errno = code;
  return -1;
}

static void Copy(void* to, size_t size, const char* from) { snprintf(to, size, "%s", from); }

static int QueryCapabilities(const Handle* handle, struct v4l2_capability* answer) {
  memset(answer, 0, sizeof *answer);
  Copy(answer->driver, sizeof answer->driver, "fakev4l2");
  Copy(answer->card, sizeof answer->card, handle->camera->card);
  Copy(answer->bus_info, sizeof answer->bus_info, handle->camera->bus);
  answer->version = 0x60100;
  answer->device_caps = V4L2_CAP_STREAMING |
                        (handle->camera->metadata ? V4L2_CAP_META_CAPTURE : V4L2_CAP_VIDEO_CAPTURE);
  // All nodes of a camera name what any of them can do, as in uvcvideo.
  answer->capabilities = answer->device_caps | V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_DEVICE_CAPS;
  return 0;
}

static bool IsFirstOfFormat(const Camera* camera, unsigned i) {
  for (unsigned k = 0; k < i; k++)
    if (camera->modes[k].format == camera->modes[i].format) return false;
  return true;
}

static bool IsFirstOfSize(const Camera* camera, unsigned i) {
  const Mode* mode = &camera->modes[i];
  for (unsigned k = 0; k < i; k++) {
    const Mode* other = &camera->modes[k];
    if (other->format == mode->format && other->width == mode->width &&
        other->height == mode->height)
      return false;
  }
  return true;
}

static int EnumFormat(const Camera* camera, struct v4l2_fmtdesc* answer) {
  unsigned index = answer->index;
  for (unsigned i = 0; i < camera->mode_count; i++) {
    if (answer->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) break;
    if (!IsFirstOfFormat(camera, i) || index-- > 0) continue;
    answer->pixelformat = camera->modes[i].format;
    answer->flags = IsJpeg(answer->pixelformat) ? V4L2_FMT_FLAG_COMPRESSED : 0;
    return 0;
  }
  return Fail(EINVAL);
}

static int EnumSize(const Camera* camera, struct v4l2_frmsizeenum* answer) {
  unsigned index = answer->index;
  for (unsigned i = 0; i < camera->mode_count; i++) {
    const Mode* mode = &camera->modes[i];
    if (mode->format != answer->pixel_format || !IsFirstOfSize(camera, i) || index-- > 0) continue;
    answer->type = V4L2_FRMSIZE_TYPE_DISCRETE;
    answer->discrete.width = mode->width;
    answer->discrete.height = mode->height;
    return 0;
  }
  return Fail(EINVAL);
}

static int EnumInterval(const Camera* camera, struct v4l2_frmivalenum* answer) {
  unsigned index = answer->index;
  for (unsigned i = 0; i < camera->mode_count; i++) {
    const Mode* mode = &camera->modes[i];
    if (mode->format != answer->pixel_format || mode->width != answer->width ||
        mode->height != answer->height || index-- > 0)
      continue;
    answer->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    answer->discrete.numerator = 1;
    answer->discrete.denominator = mode->fps;
    return 0;
  }
  return Fail(EINVAL);
}

static uint32_t Distance(uint32_t a, uint32_t b) { return a > b ? a - b : b - a; }

// The mode of the wanted format (or of any, where there is none) that is closest in size and rate.
static const Mode* Closest(const Camera* camera, uint32_t format, uint32_t width, uint32_t height,
                           uint32_t fps) {
  const Mode* best = NULL;
  uint64_t best_distance = UINT64_MAX;
  for (unsigned i = 0; i < camera->mode_count; i++) {
    const Mode* mode = &camera->modes[i];
    uint64_t other_format = mode->format != format;
    uint64_t size = Distance(mode->width, width) + Distance(mode->height, height);
    uint64_t distance = other_format << 60 | size << 20 | Distance(mode->fps, fps);
    if (distance < best_distance) best = mode, best_distance = distance;
  }
  return best;
}

static int SetFormat(Handle* handle, struct v4l2_format* format, unsigned long request) {
  struct v4l2_pix_format* pix = &format->fmt.pix;
  if (format->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return Fail(EINVAL);
  Mode mode = handle->mode;
  if (request != VIDIOC_G_FMT)
    mode = *Closest(handle->camera, pix->pixelformat, pix->width, pix->height, 1000);
  if (request == VIDIOC_S_FMT) {
    if (handle->buffer_count) return Fail(EBUSY);
    handle->mode = mode;
  }
  memset(pix, 0, sizeof *pix);
  pix->width = mode.width;
  pix->height = mode.height;
  pix->pixelformat = mode.format;
  pix->field = V4L2_FIELD_NONE;
  pix->bytesperline = BytesPerLine(&mode);
  pix->sizeimage = ImageBytes(&mode);
  pix->colorspace = V4L2_COLORSPACE_SRGB;
  return 0;
}

static int SetRate(Handle* handle, struct v4l2_streamparm* parm, bool set) {
  struct v4l2_fract* interval = &parm->parm.capture.timeperframe;
  if (parm->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return Fail(EINVAL);
  if (set && interval->numerator && interval->denominator) {
    uint32_t fps = interval->denominator / interval->numerator;
    Mode* mode = &handle->mode;
    *mode = *Closest(handle->camera, mode->format, mode->width, mode->height, fps);
  }
  memset(&parm->parm.capture, 0, sizeof parm->parm.capture);
  parm->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
  interval->numerator = 1;
  interval->denominator = handle->mode.fps;
  return 0;
}

static int UseControl(Report* report, struct v4l2_control* control, bool set) {
  uint64_t* value = NULL;
  if (control->id == V4L2_CID_EXPOSURE_AUTO) value = &report->exposure_auto;
  if (control->id == V4L2_CID_EXPOSURE_ABSOLUTE) value = &report->exposure;
  if (!value) return Fail(EINVAL);
  // As in uvcvideo: the exposure is fixed only while it is not automatic.
  if (set && value == &report->exposure && report->exposure_auto != V4L2_EXPOSURE_MANUAL)
    return Fail(EACCES);
  if (set) *value = (uint64_t)control->value;
  control->value = (int32_t)*value;
  return 0;
}

static int QueryControl(struct v4l2_queryctrl* query) {
  if (query->id != V4L2_CID_EXPOSURE_ABSOLUTE) return Fail(EINVAL);
  query->type = V4L2_CTRL_TYPE_INTEGER;
  Copy(query->name, sizeof query->name, "Exposure Time, Absolute");
  query->minimum = 3;
  query->maximum = 2047;
  query->step = 1;
  query->default_value = 156;
  return 0;
}

void Unmap(Handle* handle) {
  if (handle->memory) munmap(handle->memory, handle->buffer_count * handle->buffer_bytes);
  handle->memory = NULL;
  handle->buffer_count = handle->queued_count = handle->filled_count = 0;
  handle->streaming = false;
}

static int RequestBuffers(Handle* handle, struct v4l2_requestbuffers* request) {
  if (request->memory != V4L2_MEMORY_MMAP || request->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
    return Fail(EINVAL);
  Unmap(handle);
  if (request->count > kBuffers) request->count = kBuffers;
  if (!request->count) return 0;
  handle->buffer_bytes = (ImageBytes(&handle->mode) + 4095u) & ~4095u;
  size_t bytes = request->count * handle->buffer_bytes;
  if (ftruncate(handle->fd, (off_t)bytes) != 0) return -1;
  void* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, handle->fd, 0);
  if (memory == MAP_FAILED) return -1;
  handle->memory = memory;
  handle->buffer_count = request->count;
  return 0;
}

static int QueryBuffer(const Handle* handle, struct v4l2_buffer* buffer) {
  if (buffer->index >= handle->buffer_count) return Fail(EINVAL);
  buffer->length = (uint32_t)handle->buffer_bytes;
  buffer->m.offset = (uint32_t)(buffer->index * handle->buffer_bytes);
  buffer->flags = 0;
  return 0;
}

static int QueueBuffer(Handle* handle, const struct v4l2_buffer* buffer) {
  if (buffer->index >= handle->buffer_count ||
      handle->queued_count + handle->filled_count >= handle->buffer_count)
    return Fail(EINVAL);
  handle->queued[handle->queued_count++] = buffer->index;
  return 0;
}

static int TakeBuffer(Handle* handle, struct v4l2_buffer* buffer, const Control* control) {
  if (!handle->filled_count) return Fail(EAGAIN);
  Filled filled = handle->filled[0];
  handle->filled_count--;
  memmove(handle->filled, handle->filled + 1, handle->filled_count * sizeof filled);
  buffer->index = filled.index;
  buffer->bytesused = Draw(handle, filled.index, control);
  buffer->length = Says(control, "odd") ? buffer->bytesused : (uint32_t)handle->buffer_bytes;
  buffer->sequence = (uint32_t)handle->camera->report->delivered++;
  buffer->field = V4L2_FIELD_NONE;
  buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
  time_t second = (time_t)filled.taken_s;
  buffer->timestamp.tv_sec = second;
  buffer->timestamp.tv_usec = (suseconds_t)((filled.taken_s - (double)second) * 1e6);
  return 0;
}

static int Stream(Handle* handle, bool on) {
  handle->streaming = on;
  handle->next_s = Now() + 1.0 / handle->mode.fps;
  if (on) handle->camera->report->streams++;
  if (!on) handle->queued_count = handle->filled_count = 0;
  return 0;
}

static int EnumInput(struct v4l2_input* input) {
  if (input->index) return Fail(EINVAL);
  input->type = V4L2_INPUT_TYPE_CAMERA;
  return 0;
}

int Answer(Handle* handle, unsigned long request, void* data) {
  Control control = ReadControl(handle->camera);
  if (IsGone(handle, &control)) return Fail(ENODEV);
  if (request == VIDIOC_QUERYCAP) return QueryCapabilities(handle, data);
  if (handle->camera->metadata) return Fail(ENOTTY);
  Advance(handle, &control, Now());
  switch (request) {
    case VIDIOC_ENUM_FMT:
      return EnumFormat(handle->camera, data);
    case VIDIOC_ENUM_FRAMESIZES:
      return EnumSize(handle->camera, data);
    case VIDIOC_ENUM_FRAMEINTERVALS:
      return EnumInterval(handle->camera, data);
    case VIDIOC_ENUMINPUT:
      return EnumInput(data);
    case VIDIOC_G_INPUT:
      *(int*)data = 0;
      return 0;
    case VIDIOC_S_INPUT:
      return 0;
    case VIDIOC_G_FMT:
    case VIDIOC_S_FMT:
    case VIDIOC_TRY_FMT:
      return SetFormat(handle, data, request);
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM:
      return SetRate(handle, data, request == VIDIOC_S_PARM);
    case VIDIOC_G_CTRL:
    case VIDIOC_S_CTRL:
      return UseControl(handle->camera->report, data, request == VIDIOC_S_CTRL);
    case VIDIOC_QUERYCTRL:
      return QueryControl(data);
    case VIDIOC_REQBUFS:
      return RequestBuffers(handle, data);
    case VIDIOC_QUERYBUF:
      return QueryBuffer(handle, data);
    case VIDIOC_QBUF:
      return QueueBuffer(handle, data);
    case VIDIOC_DQBUF:
      return TakeBuffer(handle, data, &control);
    case VIDIOC_STREAMON:
      return Stream(handle, true);
    case VIDIOC_STREAMOFF:
      return Stream(handle, false);
    default:
      return Fail(ENOTTY);
  }
}
