// Frame rows to input rows; prepare_kernels.h says what each kernel computes.
#include "lanes.h"
#include "prepare_kernels.h"
#include "yuv.h"

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

#if defined(__AVX512BW__)

__m512i lanes_at(const uint16_t* from) { return _mm512_loadu_si512(from); }

template <bool kFar>
void pick_within(const uint16_t* sums, const Picks& picks, uint8_t* out) {
  const uint16_t* weights = picks.weights;
  for (int b = 0; b < picks.blocks; ++b) {
    const uint16_t* from = sums + picks.bases[b];
    __m512i near[2], far[2];
    for (int n = 0; n < 2; ++n) {
      near[n] = lanes_at(from + 32 * n);
      far[n] = kFar ? lanes_at(from + 64 + 32 * n) : near[n];
    }
    __m512i places = lanes_at(picks.places + kBlockLanes * b);
    __m512i sum = _mm512_set1_epi16(static_cast<short>(picks.rounding));
    for (int t = 0; t < picks.taps; ++t) {
      __m512i picked = _mm512_permutex2var_epi16(near[0], places, near[1]);
      if (kFar) {
        const __mmask32 is_far = _mm512_test_epi16_mask(places, _mm512_set1_epi16(64));
        const __m512i others = _mm512_permutex2var_epi16(far[0], places, far[1]);
        picked = _mm512_mask_blend_epi16(is_far, picked, others);
      }
      sum = _mm512_add_epi16(sum, _mm512_mulhi_epu16(picked, lanes_at(weights)));
      places = _mm512_add_epi16(places, _mm512_set1_epi16(3));
      weights += kBlockLanes;
    }
    const __m256i bytes = _mm512_cvtepi16_epi8(_mm512_srli_epi16(sum, 8));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + kBlockLanes * b), bytes);
  }
}

void pick(const uint16_t* sums, const Picks& picks, uint8_t* out) {
  if (picks.reach > 64) return pick_within<true>(sums, picks, out);
  pick_within<false>(sums, picks, out);
}

#else

constexpr void (*pick)(const uint16_t*, const Picks&, uint8_t*) = nullptr;

#endif

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

}  // namespace

extern const PrepareKernels prepare_kernels;
const PrepareKernels prepare_kernels = {accumulate,    accumulate_many, combine, pick,
                                        apply,         divide,          swap,    triple,
                                        bgr_from_nv12, bgr_from_yuyv};

}  // namespace EDGESEG_TARGET
}  // namespace edgeseg
