// Frame rows to input rows; prepare_kernels.h says what each kernel computes.
#include "lanes.h"
#include "prepare_kernels.h"

namespace edgeseg {
namespace EDGESEG_TARGET {
namespace {

// Both halves of some pixels, widened: the order of bytes is that of widen_low and widen_high.
struct Pair {
  Lanes low;
  Lanes high;
};

Pair widen(Bytes low, Bytes high) { return {widen_low(low, high), widen_high(low, high)}; }

constexpr size_t kLine = 64;  // bytes that come from memory together

template <int kTaps>
void accumulate_block(const uint8_t* const* rows, const uint16_t* weights, int taps, size_t x,
                      uint16_t bias, uint16_t* out) {
  const int count = kTaps > 0 ? kTaps : taps;
  for (int t = count; x % kLine == 0 && t < count + kAhead; ++t) __builtin_prefetch(rows[t] + x);
  Pair sum = {every(bias), every(bias)};
  for (int t = 0; t < count; ++t) {
    const Pair pixels = widen(Bytes{}, load(rows[t] + x));
    sum.low += multiply(pixels.low, every(weights[t]));
    sum.high += multiply(pixels.high, every(weights[t]));
  }
  store_lanes(out + x, sum.low, sum.high);
}

template <int kTaps>
void accumulate_taps(const uint8_t* const* rows, const uint16_t* weights, int taps, size_t count,
                     uint16_t bias, uint16_t* out) {
  size_t x = 0;
  for (; x + kBytes <= count; x += kBytes) {
    accumulate_block<kTaps>(rows, weights, taps, x, bias, out);
  }
  for (; x < count; ++x) {
    uint32_t sum = bias;
    for (int t = 0; t < taps; ++t) sum += static_cast<uint32_t>(rows[t][x]) * weights[t] >> 8;
    out[x] = static_cast<uint16_t>(sum);
  }
}

void accumulate(const uint8_t* const* rows, const uint16_t* weights, int taps, size_t count,
                uint16_t bias, uint16_t* out) {
  switch (taps) {
    case 2:
      return accumulate_taps<2>(rows, weights, taps, count, bias, out);
    case 3:
      return accumulate_taps<3>(rows, weights, taps, count, bias, out);
    case 4:
      return accumulate_taps<4>(rows, weights, taps, count, bias, out);
    default:
      return accumulate_taps<0>(rows, weights, taps, count, bias, out);
  }
}

void accumulate_many(const uint8_t* const* rows, const uint32_t* weights, int taps, size_t count,
                     uint16_t* out) {
  constexpr size_t kPiece = 256;
  for (size_t x = 0; x < count; x += kPiece) {
    const size_t piece = count - x < kPiece ? count - x : kPiece;
    uint32_t sums[kPiece];
    for (uint32_t& sum : sums) sum = uint32_t{1} << 15;
    for (int t = 0; t < taps; ++t) {
      for (size_t i = 0; i < piece; ++i) sums[i] += rows[t][x + i] * weights[t];
    }
    for (size_t i = 0; i < piece; ++i) out[x + i] = static_cast<uint16_t>(sums[i] >> 16);
  }
}

#if defined(__AVX2__)

__m256i two_pixels(const uint16_t* sums, int32_t first, int32_t second) {
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sums + first));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sums + second));
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

// Pixels p and p + 4 of a block, each in the first three lanes of its half.
template <int kGroups>
__m256i combine_two(const uint16_t* sums, const int32_t* starts, const uint16_t* weights,
                    int groups) {
  __m256i sum = _mm256_setzero_si256();
  for (int g = 0; g < (kGroups > 0 ? kGroups : groups); ++g) {
    const __m256i pixels = two_pixels(sums + 6 * g, starts[0], starts[4]);
    const __m256i weight = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + 16 * g));
    sum = _mm256_add_epi16(sum, _mm256_mulhi_epu16(pixels, weight));
  }
  return _mm256_add_epi16(sum, _mm256_srli_si256(sum, 6));
}

__m256i channel_order(bool swap) {
  return swap ? _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1,  //
                                 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1)
              : _mm256_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,  //
                                 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
}

template <int kGroups>
void combine_groups(const uint16_t* sums, const Columns& columns, bool swap, uint8_t* out) {
  const int groups = kGroups > 0 ? kGroups : columns.groups;
  const __m256i order = channel_order(swap);
  const __m256i rounding = _mm256_set1_epi16(static_cast<short>(columns.rounding));
  const int32_t* starts = columns.starts;
  const uint16_t* weights = columns.weights;
  for (int block = 0; block < columns.blocks; ++block) {
    __m256i two[4];
    for (int p = 0; p < 4; ++p) {
      two[p] = combine_two<kGroups>(sums, starts + p, weights + 16 * groups * p, groups);
    }
    const __m256i first = _mm256_add_epi16(_mm256_unpacklo_epi64(two[0], two[1]), rounding);
    const __m256i second = _mm256_add_epi16(_mm256_unpacklo_epi64(two[2], two[3]), rounding);
    const __m256i bytes =
        _mm256_packus_epi16(_mm256_srli_epi16(first, 8), _mm256_srli_epi16(second, 8));
    const __m256i pixels = _mm256_shuffle_epi8(bytes, order);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(pixels));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 12), _mm256_extracti128_si256(pixels, 1));
    starts += kPixelBlock;
    weights += 2 * kPixelBlock * 4 * groups;
    out += 3 * kPixelBlock;
  }
}

#else

// One pixel in the first three lanes, and then its neighbour's share that belongs to it.
template <int kGroups>
void combine_groups(const uint16_t* sums, const Columns& columns, bool swap, uint8_t* out) {
  const int groups = kGroups > 0 ? kGroups : columns.groups;
  const uint16_t* weights = columns.weights;
  for (int i = 0; i < columns.blocks * kPixelBlock; ++i) {
    const uint16_t* own =
        weights + ((i / kPixelBlock * 4 + i % 4) * groups * 2 + i % kPixelBlock / 4) * 8;
    Lanes sum = {};
    for (int g = 0; g < groups; ++g) {
      Lanes pixels, weight;
      memcpy(&pixels, sums + columns.starts[i] + 6 * g, sizeof pixels);
      memcpy(&weight, own + 16 * g, sizeof weight);
      sum += multiply(pixels, weight);
    }
    const int last = swap ? 0 : 2;
    for (int c = 0; c < 3; ++c) {
      const auto total = static_cast<uint16_t>(sum[c] + sum[c + 3] + columns.rounding);
      out[3 * i + (c == 1 ? 1 : c == 2 ? last : 2 - last)] = static_cast<uint8_t>(total >> 8);
    }
  }
}

#endif

void combine(const uint16_t* sums, const Columns& columns, bool swap, uint8_t* out) {
  switch (columns.groups) {
    case 1:
      return combine_groups<1>(sums, columns, swap, out);
    case 2:
      return combine_groups<2>(sums, columns, swap, out);
    default:
      return combine_groups<0>(sums, columns, swap, out);
  }
}

// One register of an Affine's pattern, widened.
struct Values {
  Bytes low;
  Pair scale;
  Pair offset;
};

Values values_at(const Affine& affine, size_t phase) {
  const auto at = [&](const uint8_t* pattern) { return load(pattern + phase * kBytes); };
  return {at(affine.low), widen(at(affine.scale[0]), at(affine.scale[1])),
          widen(at(affine.offset[0]), at(affine.offset[1]))};
}

Bytes apply_to(Bytes pixels, const Values& values, int shift) {
  Pair wide = widen(values.low, pixels);
  wide.low = multiply(wide.low, values.scale.low) + values.offset.low;
  wide.high = multiply(wide.high, values.scale.high) + values.offset.high;
  return pack_signed((Lanes)((SignedLanes)wide.low >> shift),
                     (Lanes)((SignedLanes)wide.high >> shift));
}

void apply(const uint8_t* pixels, const Affine& affine, size_t count, uint8_t* out) {
  const Values values[] = {values_at(affine, 0), values_at(affine, 1), values_at(affine, 2)};
  const Bytes flip = every_byte(affine.flip);
  size_t x = 0;
  for (; x + 3 * kBytes <= count; x += 3 * kBytes) {
    for (size_t phase = 0; phase < 3; ++phase) {
      const size_t at = x + phase * kBytes;
      store(out + at, apply_to(load(pixels + at), values[phase], affine.shift) ^ flip);
    }
  }
  uint8_t rest[3 * kBytes] = {};
  memcpy(rest, pixels + x, count - x);
  for (size_t phase = 0; phase < 3; ++phase) {
    uint8_t* at = rest + phase * kBytes;
    store(at, apply_to(load(at), values[phase], affine.shift) ^ flip);
  }
  memcpy(out + x, rest, count - x);
}

void divide(const uint8_t* pixels, const float* means, const float* deviations, size_t count,
            float* out) {
  size_t x = 0;
  for (; x + kFloatPattern <= count; x += kFloatPattern) {
    for (size_t i = 0; i < kFloatPattern; ++i) {
      out[x + i] = (static_cast<float>(pixels[x + i]) - means[i]) / deviations[i];
    }
  }
  for (size_t i = 0; x + i < count; ++i) {
    out[x + i] = (static_cast<float>(pixels[x + i]) - means[i]) / deviations[i];
  }
}

void swap(const uint8_t* pixels, size_t width, uint8_t* out) {
  for (size_t x = 0; x < width; ++x) {
    out[3 * x] = pixels[3 * x + 2];
    out[3 * x + 1] = pixels[3 * x + 1];
    out[3 * x + 2] = pixels[3 * x];
  }
}

void triple(const uint16_t* grey, size_t width, uint16_t* out) {
  for (size_t x = 0; x < width; ++x) {
    out[3 * x] = out[3 * x + 1] = out[3 * x + 2] = grey[x];
  }
}

// BT.601's coefficients in 20-bit fixed point, as OpenCV has them.
constexpr int kYuvBits = 20;
constexpr int32_t kY = 1220542, kBlueU = 2116026, kGreenU = -409993, kGreenV = -852492,
                  kRedV = 1673527;

constexpr size_t kYuvPairs = 64;

// The colours of up to 64 pairs of pixels, first by channel, then interleaved.
struct Colors {
  uint8_t blue[2 * kYuvPairs];
  uint8_t green[2 * kYuvPairs];
  uint8_t red[2 * kYuvPairs];
};

int32_t luma_share(uint8_t luma) {
  constexpr int32_t kHalf = 1 << (kYuvBits - 1);
  return kY * (luma > 16 ? luma - 16 : 0) + kHalf;
}

uint8_t clipped(int32_t sum) {
  const int32_t value = sum >> kYuvBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// A pair's two lumas lie kLuma bytes apart, the next pair and its chroma 2 * kLuma bytes on.
template <size_t kLuma>
void colors_from(const uint8_t* luma, const uint8_t* u, const uint8_t* v, size_t pairs,
                 Colors& colors) {
  for (size_t i = 0; i < pairs; ++i) {
    const int32_t first = luma_share(luma[2 * kLuma * i]);
    const int32_t second = luma_share(luma[2 * kLuma * i + kLuma]);
    const int32_t us = u[2 * kLuma * i] - 128, vs = v[2 * kLuma * i] - 128;
    const int32_t blue = kBlueU * us, green = kGreenU * us + kGreenV * vs, red = kRedV * vs;
    colors.blue[2 * i] = clipped(first + blue);
    colors.blue[2 * i + 1] = clipped(second + blue);
    colors.green[2 * i] = clipped(first + green);
    colors.green[2 * i + 1] = clipped(second + green);
    colors.red[2 * i] = clipped(first + red);
    colors.red[2 * i + 1] = clipped(second + red);
  }
}

void interleave(const Colors& colors, size_t width, uint8_t* out) {
  for (size_t x = 0; x < width; ++x) {
    out[3 * x] = colors.blue[x];
    out[3 * x + 1] = colors.green[x];
    out[3 * x + 2] = colors.red[x];
  }
}

size_t pairs_from(size_t x, size_t width) {
  const size_t left = (width - x) / 2;
  return left < kYuvPairs ? left : kYuvPairs;
}

void bgr_from_nv12(const uint8_t* luma, const uint8_t* chroma, size_t width, uint8_t* out) {
  Colors colors;
  for (size_t x = 0; x < width; x += 2 * kYuvPairs) {
    const size_t pairs = pairs_from(x, width);
    colors_from<1>(luma + x, chroma + x, chroma + x + 1, pairs, colors);
    interleave(colors, 2 * pairs, out + 3 * x);
  }
}

void bgr_from_yuyv(const uint8_t* row, size_t width, uint8_t* out) {
  Colors colors;
  for (size_t x = 0; x < width; x += 2 * kYuvPairs) {
    const size_t pairs = pairs_from(x, width);
    const uint8_t* at = row + 2 * x;
    colors_from<2>(at, at + 1, at + 3, pairs, colors);
    interleave(colors, 2 * pairs, out + 3 * x);
  }
}

}  // namespace

extern const PrepareKernels prepare_kernels;
const PrepareKernels prepare_kernels = {accumulate, accumulate_many, combine,
                                        apply,      divide,          swap,
                                        triple,     bgr_from_nv12,   bgr_from_yuyv};

}  // namespace EDGESEG_TARGET
}  // namespace edgeseg
