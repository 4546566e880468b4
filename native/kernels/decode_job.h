// A decode whose arguments are checked, with all it needs laid out: what native/decode.cc hands to
// the kernels.
#pragma once

#include "edgeseg.h"

namespace edgeseg {

constexpr int kFractionBits = 11;
constexpr int32_t kOne = 1 << kFractionBits;

// Classes are handled in blocks of this many; working rows are padded to whole blocks.
constexpr int kBlock = 16;
// Pixels are handled in pieces of this many.
constexpr int kPiece = 16;

// Consecutive pixels (columns or rows) that lie in the same cell.
struct Run {
  int32_t begin;
  int32_t end;
  int32_t near;  // the grid point at or before the pixels
  int32_t far;   // the next one; the same where all pixels lie on `near`
};

// Pixels along one side of the output.
struct Axis {
  // Of each pixel: how far it is from `near` to `far`, 0..kOne - 1. A whole piece may be read
  // from any of them on.
  const int32_t* fractions;
  const Run* runs;
  int run_count;
};

// Memory for a grid row: its scores as the kernels compute with them, padded, and who wins where.
struct GridRow {
  int index;            // which row this is; -1 for none yet
  void* scores;         // [width][padded classes] of int8_t or float
  uint16_t* winners;    // [width]
  uint8_t* runners_up;  // [width]; only where a confidence is wanted
};

struct DecodeJob {
  const edgeseg_scores& scores;
  const edgeseg_decoded& out;
  Axis columns;
  Axis rows;  // only those asked for
  int padded_classes;

  // Working memory.
  GridRow* grid_rows;  // two
  uint8_t* line;       // out.width + kPiece
  int32_t* disputed;   // out.width
  void* edges;         // [classes][2][kPiece] of int32_t or float
};

}  // namespace edgeseg
