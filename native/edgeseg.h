/* edgeseg's native kernels: the work around a segmentation network, for C and C++ programs.
 *
 * Everything here takes pointers, sizes and strides, keeps no pointer after it returns and holds no
 * state but the choice of kernels below. Inputs are never written to. All functions may be called
 * from several threads at once; each call runs on the calling thread alone unless it is lent a
 * pool.
 *
 * A function that can fail returns a status and, where `error` is not NULL, writes one line of text
 * there (at most error_size bytes, the closing zero included). Nothing is written on success.
 */
#ifndef EDGESEG_H
#define EDGESEG_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(_WIN32)
#define EDGESEG_API __attribute__((visibility("default")))
#else
#define EDGESEG_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum edgeseg_status {
  EDGESEG_OK = 0,
  EDGESEG_INVALID = 1,    /* an argument makes no sense; nothing was written */
  EDGESEG_NO_MEMORY = 2,  /* no room for a few rows of working memory; nothing was written */
  EDGESEG_NO_KERNELS = 3, /* the kernels asked for are not built, or not for this CPU */
} edgeseg_status;

typedef enum edgeseg_dtype {
  EDGESEG_INT8 = 1,
  EDGESEG_UINT8 = 2,
  EDGESEG_FLOAT16 = 3,
  EDGESEG_FLOAT32 = 4,
  EDGESEG_INT16 = 5,
} edgeseg_dtype;

/* Longest side of a picture or grid, in pixels or cells. */
#define EDGESEG_MAX_SIDE 65536
#define EDGESEG_MAX_CLASSES 256

/* ---- which kernels run ----
 *
 * "portable", "avx2", "avx512" or "neon". The first call of any function chooses the best that this
 * build has and this CPU runs; the environment variable EDGESEG_KERNELS names another. All give the
 * same results, bit for bit.
 */

/* The name of the kernels in use; NULL when EDGESEG_KERNELS names some that are not there. */
EDGESEG_API const char* edgeseg_kernels(void);

/* Those that can run here, the best first; NULL past the last. */
EDGESEG_API const char* edgeseg_kernels_at(int index);

/* Takes others from now on, in all threads; NULL or "" takes the best. */
EDGESEG_API edgeseg_status edgeseg_set_kernels(const char* name, char* error, size_t error_size);

/* ---- pools: threads that share a call's rows ----
 *
 * A pool is lent to a call by the `pool` of its output, NULL for none. The result is the same, bit
 * for bit. Calls too small to gain by it take no threads, and where a pool is in use by another
 * call, or belongs to the parent of a fork, the call runs on its own thread alone.
 */
typedef struct edgeseg_pool edgeseg_pool;
#define EDGESEG_MAX_THREADS 64

/* `threads` counts the calling one; the others are made now, sleep between calls and take no
 * signals. */
EDGESEG_API edgeseg_status edgeseg_pool_create(edgeseg_pool** pool, int32_t threads, char* error,
                                               size_t error_size);

/* Ends the threads; no call may still have the pool. NULL does nothing. In the child of a fork it
 * does nothing either. */
EDGESEG_API void edgeseg_pool_destroy(edgeseg_pool* pool);

/* ---- decode: from a network's coarse scores to a class map at frame size ---- */

/* Class scores (logits or probabilities) on a grid. Strides are in bytes, so that any layout will
 * do, rows of points of classes (TFLite's) or planes. Quantized scores need no scale here: the
 * greatest stays the greatest. */
typedef struct edgeseg_scores {
  const void* data; /* of the first class of the first point */
  edgeseg_dtype dtype;
  int32_t height, width, classes;
  ptrdiff_t row_stride, column_stride, class_stride;
} edgeseg_scores;

/* Where the output lies on the grid. The centre of output column x lies at grid column
 *   (x + 0.5) * scale_x + offset_x - 0.5
 * where whole numbers are the grid's points; rows likewise. Positions beyond the grid take its
 * edge. This says letterboxes, crops and all common alignments of coarse and fine pixels. */
typedef struct edgeseg_grid {
  double scale_x, scale_y; /* grid points per output pixel, above 0 */
  double offset_x, offset_y;
  int nearest; /* not 0: take the nearest point's class instead of interpolating; halves go up */
} edgeseg_grid;

/* The outputs. All pointers are to the frame's first row, also where only some rows are asked for
 * (so that several threads may share the work). */
typedef struct edgeseg_decoded {
  int32_t height, width;      /* of the whole frame */
  int32_t row_begin, row_end; /* the rows to write; 0, 0 means all */
  uint8_t* classes;         /* the class of each pixel: the greatest score, of several the lowest */
  ptrdiff_t classes_stride; /* bytes from row to row */

  /* Optional (NULL): by how much the winner's score is above the runner-up's, times
   * confidence_scale. EDGESEG_FLOAT32 as it is; EDGESEG_UINT8 rounded down, at most 255. */
  void* confidence;
  edgeseg_dtype confidence_dtype;
  ptrdiff_t confidence_stride; /* bytes from row to row */
  double confidence_scale;     /* 1e-30 to 1e30; a quantized tensor's makes logits */

  /* Optional (NULL): how many of the written pixels each class has; one number per class. */
  uint32_t* counts;

  edgeseg_pool* pool; /* optional (NULL): threads to share the rows with */
} edgeseg_decoded;

/* Interpolates the scores bilinearly to each pixel of the output, in steps of 1/2048 cell, and
 * takes the greatest. 8-bit scores are summed exactly, others in float32; infinities count as the
 * largest float32, NaN as the lowest. The result is defined in native/kernels/decode.cc. */
EDGESEG_API edgeseg_status edgeseg_decode(const edgeseg_scores* scores, const edgeseg_grid* grid,
                                          const edgeseg_decoded* out, char* error,
                                          size_t error_size);

/* ---- prepare: from a frame to a network's input tensor, in one pass over the frame ---- */

typedef enum edgeseg_layout {
  EDGESEG_BGR = 1,  /* three bytes a pixel */
  EDGESEG_RGB = 2,  /* likewise */
  EDGESEG_GREY = 3, /* one byte a pixel */
  EDGESEG_YUYV = 4, /* Y U Y V for two pixels; BT.601, limited range, as cameras give it */
  EDGESEG_NV12 = 5, /* a plane of Y, and one of U V for two by two pixels; likewise */
} edgeseg_layout;

typedef struct edgeseg_frame {
  edgeseg_layout layout;
  int32_t height, width; /* in pixels; the width even for YUYV, both for NV12 */
  const uint8_t* data;
  ptrdiff_t row_stride;  /* bytes from row to row */
  const uint8_t* chroma; /* NV12's second plane; else NULL */
  ptrdiff_t chroma_stride;
} edgeseg_frame;

/* What a pixel becomes in the tensor: filled once by edgeseg_values_init, used for any number of
 * frames. The content is the library's own. */
typedef struct edgeseg_values {
  edgeseg_dtype dtype;
  int32_t zero_point;
  int32_t form, shift;
  uint16_t scale[3], offset[3], low[3];
  float mean[3], deviation[3];
  union {
    int8_t int8[3][256];
    uint8_t uint8[3][256];
    int16_t int16[3][256];
    float float32[3][256];
  } table;
} edgeseg_values;

/* value = (pixel - mean) / deviation for each channel of the tensor; integer tensors then get
 * round(value / scale) + zero_point, halves to even, clipped; without scale (0) they take the value
 * as it is. dtype is EDGESEG_INT8, _UINT8, _INT16 or _FLOAT32. */
EDGESEG_API edgeseg_status edgeseg_values_init(edgeseg_values* values, edgeseg_dtype dtype,
                                               const double mean[3], const double deviation[3],
                                               double scale, int32_t zero_point, char* error,
                                               size_t error_size);

/* The tensor [height, width, 3] of the values' dtype, and the part of it that the frame is resized
 * to; around that part everything becomes the mean colour (letterbox). */
typedef struct edgeseg_input {
  void* data;
  ptrdiff_t row_stride; /* bytes from row to row */
  int32_t height, width;
  int32_t rgb; /* the order of the tensor's channels: 0 for BGR */
  int32_t frame_x, frame_y, frame_height, frame_width;
  int32_t row_begin, row_end; /* the rows to write; 0, 0 means all */
  edgeseg_pool* pool;         /* optional (NULL): threads to share the rows with */
} edgeseg_input;

/* Resizes the frame (by area where both sides shrink or stay, else bilinearly with half-pixel
 * centres), rounds to 8 bits and gives each pixel its value. The sums are in 16-bit fixed point,
 * which native/resizer.h defines. */
EDGESEG_API edgeseg_status edgeseg_prepare(const edgeseg_frame* frame, const edgeseg_values* values,
                                           const edgeseg_input* input, char* error,
                                           size_t error_size);

/* ---- overlay: class maps as colours, and laid over frames ---- */

typedef struct edgeseg_classes {
  const uint8_t* data; /* [height, width] */
  int32_t height, width;
  ptrdiff_t row_stride;
  int32_t row_begin, row_end; /* the rows to do; 0, 0 means all */
  edgeseg_pool* pool;         /* optional (NULL): threads to share the rows with */
} edgeseg_classes;

/* Three bytes for each class, in the order of the picture's channels; classes from count on are
 * black. */
typedef struct edgeseg_palette {
  const uint8_t* colors;
  int32_t count;
} edgeseg_palette;

/* Lines between classes: the pixels that have another class at most `width` pixels to their right
 * or below. */
typedef struct edgeseg_contours {
  int32_t width; /* 0 to EDGESEG_MAX_CONTOUR */
  edgeseg_palette palette;
} edgeseg_contours;
#define EDGESEG_MAX_CONTOUR 64

/* Writes each pixel's colour to the picture `out` [height, width, 3]. */
EDGESEG_API edgeseg_status edgeseg_colorize(const edgeseg_classes* classes,
                                            const edgeseg_palette* palette, uint8_t* out,
                                            ptrdiff_t out_stride, char* error, size_t error_size);

/* Writes frame + alpha * (colour - frame), rounded, and the contours (NULL for none) over it.
 * `frame` and `out` are pictures [height, width, 3]; they may be the same. alpha is 0 to 1, taken
 * in steps of 1/65536. */
EDGESEG_API edgeseg_status edgeseg_overlay(const edgeseg_classes* classes,
                                           const edgeseg_palette* palette, double alpha,
                                           const edgeseg_contours* contours, const uint8_t* frame,
                                           ptrdiff_t frame_stride, uint8_t* out,
                                           ptrdiff_t out_stride, char* error, size_t error_size);

#ifdef __cplusplus
}
#endif

#endif
