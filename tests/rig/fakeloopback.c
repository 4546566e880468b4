/* A video output device in user space, loaded with LD_PRELOAD: what is written to FAKELOOPBACK_DEVICE
 * lands in the file FAKELOOPBACK_OUT. It answers VIDIOC_QUERYCAP and VIDIOC_S_FMT like v4l2loopback:
 * a format of FAKELOOPBACK_FORMATS ("YUYV,RGB3") is taken, any other becomes the first of them; with
 * FAKELOOPBACK_SIZE ("320x240") so is any other size. FAKELOOPBACK_CAMERA=1 makes it no output. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static int device = -1;

static int is_device(const char *path)
{
    const char *name = getenv("FAKELOOPBACK_DEVICE");
    return name && strcmp(name, path) == 0;
}

static int open_real(const char *symbol, const char *path, int flags, int mode)
{
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, symbol);
    if (!is_device(path))
        return real(path, flags, mode);
    device = real(getenv("FAKELOOPBACK_OUT"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return device;
}

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    return open_real("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    return open_real("open64", path, flags, mode);
}

static int set_format(struct v4l2_format *format)
{
    struct v4l2_pix_format *pix = &format->fmt.pix;
    const char *known = getenv("FAKELOOPBACK_FORMATS"), *size = getenv("FAKELOOPBACK_SIZE");
    char asked[5] = {0};
    if (format->type != V4L2_BUF_TYPE_VIDEO_OUTPUT) {
        errno = EINVAL;
        return -1;
    }
    memcpy(asked, &pix->pixelformat, 4);
    if (!strstr(known, asked))
        memcpy(&pix->pixelformat, known, 4);
    if (size)
        sscanf(size, "%ux%u", &pix->width, &pix->height);
    return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (fd == device && device >= 0 && (unsigned int)request == (unsigned int)VIDIOC_QUERYCAP) {
        struct v4l2_capability *able = argument;
        memset(able, 0, sizeof *able);
        int camera = getenv("FAKELOOPBACK_CAMERA") != NULL;
        able->device_caps = camera ? V4L2_CAP_VIDEO_CAPTURE : V4L2_CAP_VIDEO_OUTPUT;
        able->capabilities = able->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    if (fd == device && device >= 0 && (unsigned int)request == (unsigned int)VIDIOC_S_FMT)
        return set_format(argument);
    int (*real)(int, unsigned long, ...) =
        (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}
