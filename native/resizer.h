// A frame's rows, resized, made one by one so that what lies between never leaves the first cache.
//
// For each row the source rows are summed first, then the columns. Along each axis a pixel is the
// sum of some source pixels times weights (spans.h):
//   up to 64 of them   weights of 0.16 bits; each product is cut to 8.8 bits, (pixel * weight) >> 8
//                      down and (sum * weight) >> 16 across, and half a unit each is added for it
//   more               weights of 0.24 bits; the sum is rounded to 8.8 bits down
// and at the end to 8 bits. So the result is the same on every machine, and at most one step of a
// pixel from the exact one.
#pragma once

#include <optional>
#include <vector>

#include "edgeseg.h"
#include "kernels/prepare_kernels.h"
#include "spans.h"

namespace edgeseg {

// The frame's rows in BGR or RGB, or in grey. Those of other layouts are converted when first asked
// for; the last `kept` ones stay.
class Rows {
 public:
  Rows(const PrepareKernels& kernels, const edgeseg_frame& frame, int kept);
  const uint8_t* row(int y);

  // Where row y will be read from: the processor may fetch that early.
  const uint8_t* place(int y) const { return converted_ ? pixels_.data() : plain(y); }

 private:
  const uint8_t* plain(int y) const { return frame_.data + y * frame_.row_stride; }
  void convert(int y, uint8_t* pixels);

  const PrepareKernels& kernels_;
  const edgeseg_frame& frame_;
  bool converted_;
  std::vector<int> held_;
  std::vector<uint8_t> pixels_;
};

// The columns' spans in the order in which `combine` reads them.
class ColumnTables {
 public:
  explicit ColumnTables(const Spans& spans);
  const Columns& columns() const { return columns_; }

 private:
  uint16_t* weights_at(int pixel, int tap);

  std::vector<int32_t> starts_;
  std::vector<uint16_t> weights_;
  Columns columns_;
};

// The columns' spans in the order in which `pick` reads them; none where an output element lies
// further from its block's first than `pick` reaches.
class PickTables {
 public:
  static std::optional<PickTables> of(const Spans& spans, bool swap);
  Picks picks() const;

 private:
  int taps_ = 0;
  int reach_ = 0;
  uint16_t rounding_ = 0;
  std::vector<int32_t> bases_;
  std::vector<uint16_t> places_;
  std::vector<uint16_t> weights_;
};

// How a frame is resized: what all threads share.
class ResizePlan {
 public:
  ResizePlan(const PrepareKernels& kernels, const edgeseg_frame& frame, const edgeseg_input& input);

 private:
  friend class Resizer;

  const edgeseg_frame& frame_;
  bool grey_;
  bool swap_;
  bool same_size_;
  size_t out_width_;
  Spans down_;
  Spans across_;
  std::optional<PickTables> picks_;
  std::optional<ColumnTables> columns_;
  std::vector<uint16_t> few_weights_;
};

class Resizer {
 public:
  Resizer(const PrepareKernels& kernels, const ResizePlan& plan);

  // Row y of the resized frame, in the input's colour order; valid until the next call.
  const uint8_t* row(int y);

 private:
  void sum_rows(int y);
  void combine();
  void copy(const uint8_t* row);

  const PrepareKernels& kernels_;
  const ResizePlan& plan_;
  size_t width_;
  int last_row_;
  Rows rows_;
  std::vector<const uint8_t*> taken_;
  std::vector<uint16_t> grey_sums_;
  std::vector<uint16_t> sums_;
  std::vector<uint8_t> pixels_;
};

}  // namespace edgeseg
