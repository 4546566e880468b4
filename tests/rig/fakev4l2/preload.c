// The functions of the C library that a camera is used by, with fake cameras in the place of real.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"

// All else is hidden: a preloaded library must not replace functions that it does not mean to.
#define PUBLIC __attribute__((visibility("default")))

enum { kHandles = 32 };

static const double kLookS = 0.002;  // how often a wait looks at the control file

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Handle handles[kHandles];

double Now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void Sleep(double seconds) {
  struct timespec t = {0, (long)(seconds * 1e9)};
  nanosleep(&t, NULL);
}

static Handle* FindHandle(int fd) {
  for (unsigned i = 0; fd > 0 && i < kHandles; i++)
    if (handles[i].camera && handles[i].fd == fd) return &handles[i];
  return NULL;
}

static int OpenCamera(const char* node) {
  Control control;
  Camera* camera = FindCamera(node, &control);
  if (!camera) return Fail(ENOENT);
  while (Says(&control, "hang")) {
    Sleep(kLookS);
    control = ReadControl(camera);
  }
  pthread_mutex_lock(&lock);
  Handle* handle = NULL;
  for (unsigned i = 0; i < kHandles && !handle; i++)
    if (!handles[i].camera) handle = &handles[i];
  int fd = handle ? memfd_create("fakev4l2", MFD_CLOEXEC) : Fail(EMFILE);
  if (fd >= 0) {
    *handle = (Handle){.fd = fd, .camera = camera};
    snprintf(handle->node, sizeof handle->node, "%s", node);
    if (camera->mode_count) handle->mode = camera->modes[0];
  }
  pthread_mutex_unlock(&lock);
  return fd;
}

// Returns whether a wait for pictures is over, be it because the camera has gone.
static bool IsReady(int fd, bool* gone) {
  pthread_mutex_lock(&lock);
  Handle* handle = FindHandle(fd);
  bool ready = true;
  *gone = true;
  if (handle) {
    Control control = ReadControl(handle->camera);
    *gone = IsGone(handle, &control);
    if (!*gone) Advance(handle, &control, Now());
    ready = *gone || (handle->filled_count && !Says(&control, "hang"));
  }
  pthread_mutex_unlock(&lock);
  return ready;
}

static bool IsHanging(int fd) {
  pthread_mutex_lock(&lock);
  Handle* handle = FindHandle(fd);
  Control control = handle ? ReadControl(handle->camera) : (Control){"", ""};
  pthread_mutex_unlock(&lock);
  return handle && Says(&control, "hang");
}

// Waits for one camera; returns 1 when it is ready or gone, 0 when the time is over.
static int Wait(int fd, double timeout_s, bool* gone) {
  double end = Now() + timeout_s;
  while (!IsReady(fd, gone)) {
    if (Now() >= end && !IsHanging(fd)) return 0;
    Sleep(kLookS);
  }
  return 1;
}

#define REAL(result, name, ...)       \
  static result (*real)(__VA_ARGS__); \
  if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static bool IsNode(const char* path) {
  return HasCameras() && path && strncmp(path, "/dev/video", 10) == 0;
}

#define MODE_OF(flags, mode)               \
  mode_t mode = 0;                         \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { \
    va_list rest;                          \
    va_start(rest, flags);                 \
    mode = (mode_t)va_arg(rest, int);      \
    va_end(rest);                          \
  }

PUBLIC int open(const char* path, int flags, ...) {
  REAL(int, "open", const char*, int, ...);
  MODE_OF(flags, mode)
  return IsNode(path) ? OpenCamera(path) : real(path, flags, mode);
}

PUBLIC int open64(const char* path, int flags, ...) {
  REAL(int, "open64", const char*, int, ...);
  MODE_OF(flags, mode)
  return IsNode(path) ? OpenCamera(path) : real(path, flags, mode);
}

PUBLIC int close(int fd) {
  REAL(int, "close", int);
  pthread_mutex_lock(&lock);
  Handle* handle = FindHandle(fd);
  if (handle) {
    Unmap(handle);
    handle->camera = NULL;
  }
  pthread_mutex_unlock(&lock);
  return real(fd);
}

PUBLIC int ioctl(int fd, unsigned long request, ...) {
  REAL(int, "ioctl", int, unsigned long, ...);
  va_list rest;
  va_start(rest, request);
  void* data = va_arg(rest, void*);
  va_end(rest);
  pthread_mutex_lock(&lock);
  Handle* handle = FindHandle(fd);
  int result = handle ? Answer(handle, request, data) : 0;
  pthread_mutex_unlock(&lock);
  return handle ? result : real(fd, request, data);
}

static bool IsCamera(int fd) {
  pthread_mutex_lock(&lock);
  bool found = FindHandle(fd) != NULL;
  pthread_mutex_unlock(&lock);
  return found;
}

// OpenCV waits for one camera at a time, which is the only one in the set then.
PUBLIC int select(int count, fd_set* reads, fd_set* writes, fd_set* errors,
                  struct timeval* timeout) {
  REAL(int, "select", int, fd_set*, fd_set*, fd_set*, struct timeval*);
  for (int fd = 0; reads && fd < count; fd++) {
    if (!FD_ISSET(fd, reads) || !IsCamera(fd)) continue;
    double seconds = timeout ? (double)timeout->tv_sec + (double)timeout->tv_usec * 1e-6 : 1e9;
    bool gone;
    int ready = Wait(fd, seconds, &gone);
    if (!ready) FD_ZERO(reads);
    return ready;
  }
  return real(count, reads, writes, errors, timeout);
}

PUBLIC int poll(struct pollfd* files, nfds_t count, int timeout_ms) {
  REAL(int, "poll", struct pollfd*, nfds_t, int);
  if (count != 1 || !IsCamera(files[0].fd)) return real(files, count, timeout_ms);
  bool gone = false;
  int ready = Wait(files[0].fd, timeout_ms < 0 ? 1e9 : timeout_ms * 1e-3, &gone);
  files[0].revents = (short)(!ready ? 0 : gone ? POLLERR | POLLHUP : POLLIN);
  return ready;
}
