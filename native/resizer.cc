#include "resizer.h"

#include <algorithm>

namespace edgeseg {
namespace {

size_t extent(int count) { return static_cast<size_t>(count); }
bool few(const Spans& spans) { return spans.unit == kFewUnit; }

// Products are cut off, not rounded: half a unit for each makes up for it.
uint16_t half_a_unit_each(const Spans& spans) {
  return static_cast<uint16_t>((spans.taps + 1) / 2);
}

uint16_t rounding_of(const Spans& spans) {
  return static_cast<uint16_t>(128 + half_a_unit_each(spans));
}

Spans spans_for(int from, int to, const edgeseg_frame& frame, const edgeseg_input& input) {
  const bool shrinks = input.frame_width <= frame.width && input.frame_height <= frame.height;
  return shrinks ? area_spans(from, to) : bilinear_spans(from, to);
}

// For more taps than `combine` is for; so few pixels remain then that speed does not matter.
void combine_many(const uint16_t* sums, const Spans& spans, bool swap, uint8_t* out) {
  for (size_t i = 0; i < spans.starts.size(); ++i) {
    const uint16_t* from = sums + 3 * extent(spans.starts[i]);
    for (size_t c = 0; c < 3; ++c) {
      uint64_t sum = uint64_t{1} << 31;
      for (size_t t = 0; t < extent(spans.taps); ++t) {
        sum += uint64_t{from[3 * t + c]} * spans.weights[i * extent(spans.taps) + t];
      }
      out[3 * i + (swap ? 2 - c : c)] = static_cast<uint8_t>(sum >> 32);
    }
  }
}

}  // namespace

Rows::Rows(const PrepareKernels& kernels, const edgeseg_frame& frame, int kept)
    : kernels_(kernels),
      frame_(frame),
      converted_(frame.layout == EDGESEG_YUYV || frame.layout == EDGESEG_NV12),
      held_(extent(kept), -1),
      pixels_(converted_ ? extent(kept) * 3 * extent(frame.width) : 0) {}

const uint8_t* Rows::row(int y) {
  if (!converted_) return plain(y);
  const size_t slot = extent(y) % held_.size();
  uint8_t* pixels = pixels_.data() + slot * 3 * extent(frame_.width);
  if (held_[slot] != y) convert(y, pixels);
  held_[slot] = y;
  return pixels;
}

void Rows::convert(int y, uint8_t* pixels) {
  if (frame_.layout == EDGESEG_YUYV) {
    kernels_.bgr_from_yuyv(plain(y), extent(frame_.width), pixels);
  } else {
    const uint8_t* chroma = frame_.chroma + y / 2 * frame_.chroma_stride;
    kernels_.bgr_from_nv12(plain(y), chroma, extent(frame_.width), pixels);
  }
}

ColumnTables::ColumnTables(const Spans& spans) {
  const int count = static_cast<int>(spans.starts.size());
  columns_.blocks = (count + kPixelBlock - 1) / kPixelBlock;
  columns_.groups = (spans.taps + 1) / 2;
  columns_.rounding = rounding_of(spans);
  const size_t pixels = extent(columns_.blocks) * kPixelBlock;
  starts_.resize(pixels);
  weights_.resize(pixels * extent(columns_.groups) * kPairLanes);
  columns_.starts = starts_.data();
  columns_.weights = weights_.data();
  const uint32_t* weight = spans.weights.data();
  for (int i = 0; i < count; ++i) {
    starts_[extent(i)] = 3 * spans.starts[extent(i)];
    for (int t = 0; t < spans.taps; ++t) {
      std::fill_n(weights_at(i, t), 3, static_cast<uint16_t>(*weight++));
    }
  }
}

uint16_t* ColumnTables::weights_at(int pixel, int tap) {
  const int two = pixel / kPixelBlock * 4 + pixel % 4, half = pixel % kPixelBlock / 4;
  const size_t pair = (extent(two) * extent(columns_.groups) + extent(tap / 2)) * 2 + extent(half);
  return weights_.data() + pair * kPairLanes + extent(tap % 2) * 3;
}

std::optional<PickTables> PickTables::of(const Spans& spans, bool swap) {
  const size_t count = 3 * spans.starts.size(), taps = extent(spans.taps);
  const size_t blocks = (count + kBlockLanes - 1) / kBlockLanes;
  PickTables tables;
  tables.taps_ = spans.taps;
  tables.rounding_ = rounding_of(spans);
  tables.bases_.resize(blocks);
  tables.places_.resize(blocks * kBlockLanes);
  tables.weights_.resize(blocks * kBlockLanes * taps);
  for (size_t n = 0; n < count; ++n) {
    const size_t pixel = n / 3, block = n / kBlockLanes;
    const int32_t first = 3 * spans.starts[pixel];
    if (n % kBlockLanes == 0) tables.bases_[block] = first;
    const auto channel = static_cast<int32_t>(swap ? 2 - n % 3 : n % 3);
    const int32_t place = first - tables.bases_[block] + channel;
    tables.reach_ = std::max(tables.reach_, place + 3 * (spans.taps - 1) + 1);
    if (tables.reach_ > kReach) return std::nullopt;
    tables.places_[n] = static_cast<uint16_t>(place);
    uint16_t* weights = tables.weights_.data() + block * taps * kBlockLanes + n % kBlockLanes;
    for (size_t t = 0; t < taps; ++t) {
      weights[t * kBlockLanes] = static_cast<uint16_t>(spans.weights[pixel * taps + t]);
    }
  }
  return tables;
}

Picks PickTables::picks() const {
  return {static_cast<int>(bases_.size()),
          taps_,
          reach_,
          rounding_,
          bases_.data(),
          places_.data(),
          weights_.data()};
}

ResizePlan::ResizePlan(const PrepareKernels& kernels, const edgeseg_frame& frame,
                       const edgeseg_input& input)
    : frame_(frame),
      grey_(frame.layout == EDGESEG_GREY),
      swap_(!grey_ && (input.rgb != 0) != (frame.layout == EDGESEG_RGB)),
      same_size_(frame.width == input.frame_width && frame.height == input.frame_height),
      out_width_(extent(input.frame_width)),
      down_(spans_for(frame.height, input.frame_height, frame, input)),
      across_(spans_for(frame.width, input.frame_width, frame, input)),
      few_weights_(down_.weights.begin(), down_.weights.end()) {
  if (same_size_ || !few(across_)) return;
  if (kernels.pick != nullptr) picks_ = PickTables::of(across_, swap_);
  if (!picks_) columns_.emplace(across_);
}

Resizer::Resizer(const PrepareKernels& kernels, const ResizePlan& plan)
    : kernels_(kernels),
      plan_(plan),
      width_(extent(plan.frame_.width)),
      last_row_(plan.frame_.height - 1),
      rows_(kernels, plan.frame_, plan.down_.taps),
      taken_(extent(plan.down_.taps + kAhead)),
      grey_sums_(plan.grey_ ? width_ : 0),
      // What lies beyond the last column is read, with weight 0.
      sums_(3 * (width_ + extent(plan.across_.taps)) + kReach),
      pixels_(3 * (plan.out_width_ + kPixelBlock) + kBlockLanes) {}

const uint8_t* Resizer::row(int y) {
  if (plan_.same_size_ && !plan_.grey_ && !plan_.swap_) return rows_.row(y);
  if (plan_.same_size_) {
    copy(rows_.row(y));
  } else {
    sum_rows(y);
    combine();
  }
  return pixels_.data();
}

void Resizer::sum_rows(int y) {
  const Spans& down = plan_.down_;
  const size_t weights = extent(y) * extent(down.taps);
  const int first = down.starts[extent(y)];
  int taps = down.taps;  // but not those of weight 0
  while (taps > 1 && down.weights[weights + extent(taps) - 1] == 0) --taps;
  for (int t = 0; t < taps; ++t) {
    taken_[extent(t)] = rows_.row(std::min(first + t, last_row_));
  }
  for (int t = taps; t < taps + kAhead; ++t) {
    taken_[extent(t)] = rows_.place(std::min(first + t, last_row_));
  }
  const size_t count = plan_.grey_ ? width_ : 3 * width_;
  uint16_t* sums = plan_.grey_ ? grey_sums_.data() : sums_.data();
  if (few(down)) {
    kernels_.accumulate(taken_.data(), plan_.few_weights_.data() + weights, taps, count,
                        half_a_unit_each(down), sums);
  } else {
    kernels_.accumulate_many(taken_.data(), down.weights.data() + weights, taps, count, sums);
  }
  if (plan_.grey_) kernels_.triple(sums, width_, sums_.data());
}

void Resizer::combine() {
  if (plan_.picks_) {
    kernels_.pick(sums_.data(), plan_.picks_->picks(), pixels_.data());
  } else if (plan_.columns_) {
    kernels_.combine(sums_.data(), plan_.columns_->columns(), plan_.swap_, pixels_.data());
  } else {
    combine_many(sums_.data(), plan_.across_, plan_.swap_, pixels_.data());
  }
}

void Resizer::copy(const uint8_t* row) {
  if (plan_.grey_) {
    for (size_t x = 0; x < width_; ++x) std::fill_n(pixels_.data() + 3 * x, 3, row[x]);
  } else {
    kernels_.swap(row, width_, pixels_.data());
  }
}

}  // namespace edgeseg
