// edgeseg_decode: checks the arguments, lays the work out, hands it to the kernels in use.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "dispatch.h"
#include "errors.h"
#include "pool.h"

namespace edgeseg {
namespace {

edgeseg_status check_scores(const edgeseg_scores& scores, const Error& error) {
  if (scores.data == nullptr) return invalid(error, "scores.data is NULL");
  if (scores.dtype < EDGESEG_INT8 || scores.dtype > EDGESEG_FLOAT32) {
    return invalid(error, "scores.dtype is %d, expected an edgeseg_dtype", scores.dtype);
  }
  if (scores.classes < 1 || scores.classes > EDGESEG_MAX_CLASSES) {
    return invalid(error, "scores has %d classes, expected 1 to %d", scores.classes,
                   EDGESEG_MAX_CLASSES);
  }
  if (scores.height < 1 || scores.height > EDGESEG_MAX_SIDE || scores.width < 1 ||
      scores.width > EDGESEG_MAX_SIDE) {
    return invalid(error, "scores is %d points wide and %d high, expected 1 to %d", scores.width,
                   scores.height, EDGESEG_MAX_SIDE);
  }
  return EDGESEG_OK;
}

edgeseg_status check_grid(const edgeseg_grid& grid, const Error& error) {
  const auto sensible = [](double scale) { return std::isfinite(scale) && scale > 0; };
  if (!sensible(grid.scale_x) || !sensible(grid.scale_y) || !std::isfinite(grid.offset_x) ||
      !std::isfinite(grid.offset_y)) {
    return invalid(error, "grid needs finite numbers and scales above 0, this has %g, %g, %g, %g",
                   grid.scale_x, grid.scale_y, grid.offset_x, grid.offset_y);
  }
  return EDGESEG_OK;
}

edgeseg_status check_confidence(const edgeseg_decoded& out, int classes, const Error& error) {
  if (out.confidence == nullptr) return EDGESEG_OK;
  if (out.confidence_dtype != EDGESEG_UINT8 && out.confidence_dtype != EDGESEG_FLOAT32) {
    return invalid(error, "out.confidence_dtype is %d, expected EDGESEG_UINT8 or EDGESEG_FLOAT32",
                   out.confidence_dtype);
  }
  // Beyond that a product could be infinite times 0.
  if (!(out.confidence_scale >= 1e-30 && out.confidence_scale <= 1e30)) {
    return invalid(error, "out.confidence_scale is %g, expected 1e-30 to 1e30",
                   out.confidence_scale);
  }
  if (classes < 2) return invalid(error, "one class has no runner-up, so no confidence");
  return EDGESEG_OK;
}

edgeseg_status check_out(const edgeseg_decoded& out, const Error& error) {
  if (out.classes == nullptr) return invalid(error, "out.classes is NULL");
  if (out.height < 1 || out.height > EDGESEG_MAX_SIDE || out.width < 1 ||
      out.width > EDGESEG_MAX_SIDE) {
    return invalid(error, "out is %d pixels wide and %d high, expected 1 to %d", out.width,
                   out.height, EDGESEG_MAX_SIDE);
  }
  if (out.row_begin < 0 || out.row_end < out.row_begin || out.row_end > out.height) {
    return invalid(error, "out has %d rows, so rows %d to %d cannot be written", out.height,
                   out.row_begin, out.row_end);
  }
  return EDGESEG_OK;
}

// Where pixels lie along one side of the grid.
struct Side {
  std::vector<int32_t> fractions;
  std::vector<Run> runs;

  Axis axis() const { return {fractions.data(), runs.data(), static_cast<int>(runs.size())}; }
};

int32_t position(int n, double scale, double offset, int cells, bool nearest) {
  const double centre = (n + 0.5) * scale + offset - 0.5;
  const double inside = std::min(std::max(centre, 0.0), static_cast<double>(cells - 1));
  const auto steps = static_cast<int32_t>(inside * kOne + 0.5);
  return nearest ? (steps + kOne / 2) & ~(kOne - 1) : steps;
}

// The pixels begin..end of `count`, cut where they enter another cell.
Side side_of(int count, int begin, int end, double scale, double offset, int cells, bool nearest) {
  Side side;
  side.fractions.resize(static_cast<size_t>(count) + kPiece);
  for (int n = begin; n < end; ++n) {
    const int32_t where = position(n, scale, offset, cells, nearest);
    const int32_t near = where >> kFractionBits, fraction = where & (kOne - 1);
    side.fractions[static_cast<size_t>(n)] = fraction;
    if (side.runs.empty() || side.runs.back().near != near) side.runs.push_back({n, n, near, near});
    side.runs.back().end = n + 1;
    // Pixels that all lie on their grid point have no second neighbour: nearest decoding and scores
    // at full size are then nothing but uniform cells.
    if (fraction > 0) side.runs.back().far = near + 1;
  }
  return side;
}

// Working memory, in one piece.
class Memory {
 public:
  Memory(const DecodeJob& job, int width) {
    const auto points = static_cast<size_t>(width), one = sizeof(float);
    const size_t scores = padded(points * static_cast<size_t>(job.padded_classes) * one);
    const size_t winners = padded(points * sizeof(uint16_t));
    const size_t runners_up = padded(points);
    const size_t line = padded(static_cast<size_t>(job.out.width) + kPiece);
    const size_t disputed = padded(static_cast<size_t>(job.out.width) * sizeof(int32_t));
    const size_t edges = static_cast<size_t>(job.padded_classes) * 2 * kPiece * one;
    bytes_.resize(64 + 2 * (scores + winners + runners_up) + line + disputed + edges);
    const auto address = reinterpret_cast<uintptr_t>(bytes_.data());
    uint8_t* next = bytes_.data() + (64 - address % 64) % 64;
    const auto take = [&next](size_t size) {
      next += size;
      return next - size;
    };
    for (GridRow& row : rows_) {
      row = {-1, take(scores), reinterpret_cast<uint16_t*>(take(winners)), take(runners_up)};
    }
    line_ = take(line);
    disputed_ = reinterpret_cast<int32_t*>(take(disputed));
    edges_ = take(edges);
  }

  void lend(DecodeJob* job) {
    job->grid_rows = rows_;
    job->line = line_;
    job->disputed = disputed_;
    job->edges = edges_;
  }

 private:
  static size_t padded(size_t size) { return (size + 63) / 64 * 64; }

  std::vector<uint8_t> bytes_;
  GridRow rows_[2];
  uint8_t* line_;
  int32_t* disputed_;
  void* edges_;
};

// What one thread has for itself.
class Slot {
 public:
  explicit Slot(const DecodeJob& whole)
      : memory_(whole, whole.scores.width),
        out_(whole.out),
        counts_(out_.counts == nullptr ? 0 : static_cast<size_t>(whole.scores.classes)) {
    if (out_.counts != nullptr) out_.counts = counts_.data();
  }

  void decode(const Kernels& kernels, const DecodeJob& whole, const RowRange& bands) {
    const Axis rows = {whole.rows.fractions, whole.rows.runs + bands.begin,
                       bands.end - bands.begin};
    DecodeJob job{whole.scores, out_,    whole.columns, rows,   whole.padded_classes,
                  nullptr,      nullptr, nullptr,       nullptr};
    memory_.lend(&job);
    kernels.decode(job);
  }

  void add_counts(uint32_t* to) const {
    for (size_t k = 0; k < counts_.size(); ++k) to[k] += counts_[k];
  }

 private:
  Memory memory_;
  edgeseg_decoded out_;
  std::vector<uint32_t> counts_;
};

void run(const Kernels& kernels, const edgeseg_scores& scores, const edgeseg_grid& grid,
         const edgeseg_decoded& out) {
  const bool nearest = grid.nearest != 0;
  const Side columns =
      side_of(out.width, 0, out.width, grid.scale_x, grid.offset_x, scores.width, nearest);
  const Side rows = side_of(out.height, out.row_begin, out.row_end, grid.scale_y, grid.offset_y,
                            scores.height, nearest);
  const int padded_classes = (scores.classes + kBlock - 1) / kBlock * kBlock;
  const DecodeJob job{scores,  out,     columns.axis(), rows.axis(), padded_classes,
                      nullptr, nullptr, nullptr,        nullptr};
  // A band of rows that lie in the same cells stays whole.
  const int64_t pixels = int64_t{out.row_end - out.row_begin} * out.width;
  const Shares shares = shares_of(out.pool, {0, job.rows.run_count}, 1, pixels);
  std::vector<Slot> slots;
  for (int n = 0; n < shares.slots; ++n) slots.emplace_back(job);
  share(shares, [&](const RowRange& bands, int slot) {
    slots[static_cast<size_t>(slot)].decode(kernels, job, bands);
  });
  if (out.counts == nullptr) return;
  std::memset(out.counts, 0, sizeof(uint32_t) * static_cast<size_t>(scores.classes));
  for (const Slot& slot : slots) slot.add_counts(out.counts);
}

}  // namespace
}  // namespace edgeseg

edgeseg_status edgeseg_decode(const edgeseg_scores* scores, const edgeseg_grid* grid,
                              const edgeseg_decoded* out, char* error_text, size_t error_size) {
  using namespace edgeseg;
  const Error error{error_text, error_size};
  if (scores == nullptr || grid == nullptr || out == nullptr) {
    return invalid(error, "scores, grid or out is NULL");
  }
  edgeseg_status status = check_scores(*scores, error);
  if (status == EDGESEG_OK) status = check_grid(*grid, error);
  if (status == EDGESEG_OK) status = check_out(*out, error);
  if (status == EDGESEG_OK) status = check_confidence(*out, scores->classes, error);
  if (status != EDGESEG_OK) return status;
  const Kernels* chosen = kernels();
  if (chosen == nullptr) {
    explain_missing(std::getenv("EDGESEG_KERNELS"), error_text, error_size);
    return EDGESEG_NO_KERNELS;
  }
  edgeseg_decoded whole = *out;
  if (whole.row_begin == 0 && whole.row_end == 0) whole.row_end = whole.height;
  try {
    run(*chosen, *scores, *grid, whole);
  } catch (const std::bad_alloc&) {
    invalid(error, "no memory for a few rows of scores");
    return EDGESEG_NO_MEMORY;
  }
  return EDGESEG_OK;
}
