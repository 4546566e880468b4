// Fake V4L2 cameras for programs that use the real V4L2 interface: preload this library
// (LD_PRELOAD) and name a folder in FAKEV4L2. Every NAME.camera in it describes a camera, one word
// and its values a line:
//
//   card Some Webcam                 what it calls itself
//   bus usb-fake-1                   where it is plugged in
//   mode YUYV 640 480 30             a mode: YUYV, NV12, GREY or MJPG, width, height, rate
//   jpegs FOLDER                     pictures for MJPG: 000.jpg, 001.jpg, ..., over and over
//   metadata                         not a camera at all, but a node for metadata
//
// NAME.control says what happens to it now, a command and the node where it is ("ok /dev/video0"):
//
//   ok      gives pictures           unplug  is gone: every call fails with ENODEV
//   stall   gives nothing            freeze  gives the same picture again
//   damage  gives halves of JPEGs    odd     says that buffers are smaller than they are
//   hang    does not return from a wait or from open
//
// A camera whose node changed is gone for those who had it open, as when it is plugged in anew.
// NAME.report gets three 64-bit numbers: streams started, pictures handed out, pictures lost
// because no buffer was there. Each picture shows its number, counted over all streams, as 32
// blocks in its top eighth: bright ones are set bits, the lowest on the left.
//
// As in a real driver, pictures come at their times into buffers that were queued, and wait there.

#pragma once

#include <linux/videodev2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { kModes = 32, kBuffers = 32, kJpegs = 256 };
enum { kNumberBits = 32 };

typedef struct {
  uint32_t format, width, height, fps;
} Mode;

typedef struct {
  uint8_t* data;
  size_t bytes;
} Jpeg;

typedef struct {
  uint64_t streams, delivered, lost, exposure_auto, exposure;
} Report;

typedef struct {
  char name[64], card[32], bus[32];
  bool metadata;
  Mode modes[kModes];
  unsigned mode_count;
  Jpeg jpegs[kJpegs];
  unsigned jpeg_count;
  uint32_t shown;  // number in the latest picture
  Report* report;
} Camera;

typedef struct {
  char command[16], node[64];
} Control;

typedef struct {
  unsigned index;
  double taken_s;
} Filled;

// One open file of a camera.
typedef struct {
  int fd;  // a memory file, which is also what mmap() is given; -1 where the handle is free
  Camera* camera;
  char node[64];
  Mode mode;
  uint8_t* memory;
  size_t buffer_bytes;
  unsigned buffer_count;
  unsigned queued[kBuffers], queued_count;
  Filled filled[kBuffers];
  unsigned filled_count;
  bool streaming;
  double next_s;
} Handle;

// cameras.c
bool HasCameras(void);
Camera* FindCamera(const char* node, Control* control);
Control ReadControl(const Camera* camera);
bool Says(const Control* control, const char* command);
bool IsGone(const Handle* handle, const Control* control);

// pictures.c
bool IsJpeg(uint32_t format);
uint32_t BytesPerLine(const Mode* mode);
uint32_t ImageBytes(const Mode* mode);
// Lets time pass: pictures come into the buffers that are queued.
void Advance(Handle* handle, const Control* control, double now_s);
// Draws the picture that is handed out next; returns how many bytes the driver says it has.
uint32_t Draw(Handle* handle, unsigned index, const Control* control);

// ioctls.c
int Fail(int code);  // sets errno and returns -1
int Answer(Handle* handle, unsigned long request, void* data);
void Unmap(Handle* handle);

// preload.c
double Now(void);
