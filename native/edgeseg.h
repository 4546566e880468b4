/* edgeseg's native kernels: the work around a segmentation network, for C and C++ programs.
 *
 * Everything here takes pointers, sizes and strides, keeps no pointer after it returns and holds no
 * state but the choice of kernels below. Inputs are never written to. All functions may be called
 * from several threads at once; each call runs on the calling thread alone.
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
} edgeseg_decoded;

/* Interpolates the scores bilinearly to each pixel of the output, in steps of 1/2048 cell, and
 * takes the greatest. 8-bit scores are summed exactly, others in float32; infinities count as the
 * largest float32, NaN as the lowest. The result is defined in native/kernels/decode.cc. */
EDGESEG_API edgeseg_status edgeseg_decode(const edgeseg_scores* scores, const edgeseg_grid* grid,
                                          const edgeseg_decoded* out, char* error,
                                          size_t error_size);

#ifdef __cplusplus
}
#endif

#endif
