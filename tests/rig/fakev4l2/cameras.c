// Which cameras there are, and what is said to happen to them.

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fake.h"

enum { kCameras = 8, kText = 512 };

static Camera cameras[kCameras];
static unsigned camera_count;

// Reads a file without the functions that are replaced below; returns its length, or -1.
static ssize_t ReadFile(const char* path, void* data, size_t most) {
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  size_t length = 0;
  ssize_t got = 1;
  while (length < most && got > 0) {
    got = read(fd, (uint8_t*)data + length, most - length);
    if (got > 0) length += (size_t)got;
  }
  syscall(SYS_close, fd);
  return got < 0 ? -1 : (ssize_t)length;
}

static uint32_t Format(const char* name) { return v4l2_fourcc(name[0], name[1], name[2], name[3]); }

static void LoadJpegs(Camera* camera, const char* folder) {
  while (camera->jpeg_count < kJpegs) {
    char path[2 * kText];
    struct stat file;
    snprintf(path, sizeof path, "%s/%03u.jpg", folder, camera->jpeg_count);
    if (stat(path, &file) != 0 || file.st_size <= 0) return;
    Jpeg* jpeg = &camera->jpegs[camera->jpeg_count];
    jpeg->bytes = (size_t)file.st_size;
    jpeg->data = malloc(jpeg->bytes);
    if (!jpeg->data || ReadFile(path, jpeg->data, jpeg->bytes) != (ssize_t)jpeg->bytes) return;
    camera->jpeg_count++;
  }
}

static void ReadLine(Camera* camera, const char* line) {
  char text[kText], format[8];
  Mode mode;
  if (sscanf(line, "card %31[^\n]", camera->card) == 1) return;
  if (sscanf(line, "bus %31[^\n]", camera->bus) == 1) return;
  if (sscanf(line, "jpegs %511[^\n]", text) == 1) LoadJpegs(camera, text);
  if (strncmp(line, "metadata", 8) == 0) camera->metadata = true;
  if (sscanf(line, "mode %4s %u %u %u", format, &mode.width, &mode.height, &mode.fps) == 4 &&
      strlen(format) == 4 && mode.fps > 0 && mode.width >= kNumberBits && mode.width <= 8192 &&
      mode.height >= 8 && mode.height <= 8192 && camera->mode_count < kModes) {
    mode.format = Format(format);
    camera->modes[camera->mode_count++] = mode;
  }
}

// The report outlives a process that is killed, and goes on where the one before it stopped.
static Report* MapReport(const char* path) {
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return NULL;
  void* memory = MAP_FAILED;
  if (ftruncate(fd, sizeof(Report)) == 0)
    memory = mmap(NULL, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  return memory == MAP_FAILED ? NULL : memory;
}

static void LoadCamera(const char* folder, const char* name) {
  static char text[16384];
  char path[2 * kText];
  Camera* camera = &cameras[camera_count];
  snprintf(path, sizeof path, "%s/%s.camera", folder, name);
  ssize_t length = ReadFile(path, text, sizeof text - 1);
  if (length < 0) return;
  text[length] = 0;
  snprintf(camera->name, sizeof camera->name, "%s", name);
  for (char* line = text; line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    ReadLine(camera, line);
  }
  snprintf(path, sizeof path, "%s/%s.report", folder, name);
  camera->report = MapReport(path);
  if (!camera->report) return;
  if (!camera->report->exposure) {
    camera->report->exposure_auto = V4L2_EXPOSURE_APERTURE_PRIORITY;
    camera->report->exposure = 156;
  }
  camera_count++;
}

__attribute__((constructor)) static void LoadCameras(void) {
  const char* folder = getenv("FAKEV4L2");
  DIR* entries = folder ? opendir(folder) : NULL;
  if (!entries) return;
  for (struct dirent* entry; camera_count < kCameras && (entry = readdir(entries));) {
    char name[64];
    size_t length = strlen(entry->d_name);
    if (length < 8 || length > 60 || strcmp(entry->d_name + length - 7, ".camera") != 0) continue;
    snprintf(name, sizeof name, "%.*s", (int)length - 7, entry->d_name);
    LoadCamera(folder, name);
  }
  closedir(entries);
}

Control ReadControl(const Camera* camera) {
  char path[2 * kText], text[128];
  Control control = {"unplug", ""};
  snprintf(path, sizeof path, "%s/%s.control", getenv("FAKEV4L2"), camera->name);
  ssize_t length = ReadFile(path, text, sizeof text - 1);
  if (length < 0) return control;
  text[length] = 0;
  if (sscanf(text, "%15s %63s", control.command, control.node) < 1)
    strcpy(control.command, "unplug");
  return control;
}

bool Says(const Control* control, const char* command) {
  return strcmp(control->command, command) == 0;
}

bool IsGone(const Handle* handle, const Control* control) {
  return Says(control, "unplug") || strcmp(control->node, handle->node) != 0;
}

Camera* FindCamera(const char* node, Control* control) {
  for (unsigned i = 0; i < camera_count; i++) {
    *control = ReadControl(&cameras[i]);
    if (!Says(control, "unplug") && strcmp(control->node, node) == 0) return &cameras[i];
  }
  return NULL;
}

bool HasCameras(void) { return camera_count > 0; }
