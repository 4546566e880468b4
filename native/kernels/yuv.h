// Rows of YUYV and NV12 to BGR: ITU-R BT.601, limited range.
#pragma once

#include "lanes.h"

namespace edgeseg {
namespace EDGESEG_TARGET {

// BT.601's coefficients in 20-bit fixed point, as OpenCV has them.
constexpr int kYuvBits = 20;
constexpr int32_t kY = 1220542, kBlueU = 2116026, kGreenU = -409993, kGreenV = -852492,
                  kRedV = 1673527;

// ---- many pixels at a time, where the target can sum products and shuffle bytes ----

#if defined(__AVX2__)

typedef int32_t Sums __attribute__((vector_size(kBytes)));

#if defined(__AVX512BW__)

inline Sums add_products(SignedLanes a, SignedLanes b) {
  return (Sums)_mm512_madd_epi16((__m512i)a, (__m512i)b);
}
inline Lanes pack_sums(Sums a, Sums b) { return (Lanes)_mm512_packs_epi32((__m512i)a, (__m512i)b); }
inline Lanes subtract(Lanes a, Lanes b) { return (Lanes)_mm512_subs_epu16((__m512i)a, (__m512i)b); }
inline Bytes shuffle_all(Bytes bytes, const uint8_t* places) {
  const __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(places));
  return (Bytes)_mm512_shuffle_epi8((__m512i)bytes, _mm512_broadcast_i32x4(sixteen));
}
inline Lanes widen_bytes(const uint8_t* from) {
  const auto* bytes = reinterpret_cast<const __m256i*>(from);
  return (Lanes)_mm512_cvtepu8_epi16(_mm256_loadu_si256(bytes));
}
inline __m128i sixteen_of(Bytes bytes, size_t n) {
  const __m512i all = (__m512i)bytes;
  const __m256i two = n < 2 ? _mm512_castsi512_si256(all) : _mm512_extracti64x4_epi64(all, 1);
  return n % 2 == 0 ? _mm256_castsi256_si128(two) : _mm256_extracti128_si256(two, 1);
}

#else

inline Sums add_products(SignedLanes a, SignedLanes b) {
  return (Sums)_mm256_madd_epi16((__m256i)a, (__m256i)b);
}
inline Lanes pack_sums(Sums a, Sums b) { return (Lanes)_mm256_packs_epi32((__m256i)a, (__m256i)b); }
inline Lanes subtract(Lanes a, Lanes b) { return (Lanes)_mm256_subs_epu16((__m256i)a, (__m256i)b); }
inline Bytes shuffle_all(Bytes bytes, const uint8_t* places) {
  const __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(places));
  return (Bytes)_mm256_shuffle_epi8((__m256i)bytes, _mm256_broadcastsi128_si256(sixteen));
}
inline Lanes widen_bytes(const uint8_t* from) {
  const auto* bytes = reinterpret_cast<const __m128i*>(from);
  return (Lanes)_mm256_cvtepu8_epi16(_mm_loadu_si128(bytes));
}
inline __m128i sixteen_of(Bytes bytes, size_t n) {
  const __m256i all = (__m256i)bytes;
  return n == 0 ? _mm256_castsi256_si128(all) : _mm256_extracti128_si256(all, 1);
}

#endif

// As a row of YUYV: a pair of pixels in four bytes.
inline Bytes read_nv12(const uint8_t* luma, const uint8_t* chroma) {
  return (Bytes)(widen_bytes(luma) | widen_bytes(chroma) << 8);
}

// The coefficients of a pair of lanes, in two parts of 16 bits.
struct Coefficients {
  static constexpr int kBits = 7;
  SignedLanes high;
  SignedLanes low;

  Coefficients(int32_t first, int32_t second)
      : high(pairs(first >> kBits, second >> kBits)),
        low(pairs(first & ((1 << kBits) - 1), second & ((1 << kBits) - 1))) {}

  Sums times(SignedLanes values) const {
    return (add_products(values, high) << kBits) + add_products(values, low);
  }

 private:
  static SignedLanes pairs(int first, int second) {
    const auto low_half = static_cast<uint32_t>(first) & 0xffff;
    const uint32_t both = low_half | static_cast<uint32_t>(second) << 16;
    return (SignedLanes)(Sums{} + static_cast<int32_t>(both));
  }
};

// Of eight pixels, eight of each channel in the order 0 2 4 6 1 3 5 7: blue and green side by side,
// and red. Where the pixels' 24 bytes are; 255 for none.
struct YuvPlaces {
  uint8_t blue_green[32];
  uint8_t red[32];

  constexpr YuvPlaces() : blue_green(), red() {
    for (int n = 0; n < 32; ++n) {
      const int pixel = n / 3, channel = n % 3, place = pixel / 2 + pixel % 2 * 4;
      const bool is_pixel = pixel < 8;
      blue_green[n] = static_cast<uint8_t>(is_pixel && channel < 2 ? place + 8 * channel : 255);
      red[n] = static_cast<uint8_t>(is_pixel && channel == 2 ? place : 255);
    }
  }
};
constexpr YuvPlaces kYuvPlaces;

// Converts whole vectors of pixels, read as YUYV by `read`; returns how many pixels those are.
template <typename Read>
size_t convert_quickly(size_t width, uint8_t* out, Read read) {
  constexpr size_t kPixels = kBytes / 2;
  const Coefficients first_luma(kY, 0), second_luma(0, kY);
  const Coefficients blue(kBlueU, 0), green(kGreenU, kGreenV), red(0, kRedV);
  const Sums half = Sums{} + (1 << (kYuvBits - 1));
  size_t x = 0;
  for (; x + kPixels <= width; x += kPixels) {
    const Lanes pixels = (Lanes)read(x);
    const auto luma = (SignedLanes)subtract(pixels & 255, every(16));
    const auto chroma = (SignedLanes)(pixels >> 8) - 128;
    const Sums first = first_luma.times(luma) + half, second = second_luma.times(luma) + half;
    const auto channel = [&](const Coefficients& coefficients) {
      const Sums share = coefficients.times(chroma);
      return pack_sums((first + share) >> kYuvBits, (second + share) >> kYuvBits);
    };
    const Bytes blue_green = pack_unsigned(channel(blue), channel(green));
    const Lanes reds = channel(red);
    const Bytes only_red = pack_unsigned(reds, reds);
    const Bytes head =
        shuffle_all(blue_green, kYuvPlaces.blue_green) | shuffle_all(only_red, kYuvPlaces.red);
    const Bytes tail = shuffle_all(blue_green, kYuvPlaces.blue_green + 16) |
                       shuffle_all(only_red, kYuvPlaces.red + 16);
    for (size_t n = 0; n < kBytes / 16; ++n) {
      uint8_t* to = out + 3 * x + 24 * n;
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), sixteen_of(head, n));
      _mm_storel_epi64(reinterpret_cast<__m128i*>(to + 16), sixteen_of(tail, n));
    }
  }
  return x;
}

#else

inline Bytes read_nv12(const uint8_t*, const uint8_t*) { return Bytes{}; }

template <typename Read>
size_t convert_quickly(size_t, uint8_t*, Read) {
  return 0;
}

#endif

// ---- any number of pixels ----

constexpr size_t kYuvPairs = 64;

// The colours of up to 64 pairs of pixels, first by channel, then interleaved.
struct YuvColors {
  uint8_t blue[2 * kYuvPairs];
  uint8_t green[2 * kYuvPairs];
  uint8_t red[2 * kYuvPairs];
};

inline int32_t luma_share(uint8_t luma) {
  constexpr int32_t kHalf = 1 << (kYuvBits - 1);
  return kY * (luma > 16 ? luma - 16 : 0) + kHalf;
}

inline uint8_t clipped(int32_t sum) {
  const int32_t value = sum >> kYuvBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// A pair's two lumas lie kLuma bytes apart, the next pair and its chroma 2 * kLuma bytes on.
template <size_t kLuma>
void colors_from(const uint8_t* luma, const uint8_t* u, const uint8_t* v, size_t pairs,
                 YuvColors& colors) {
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

inline void interleave(const YuvColors& colors, size_t width, uint8_t* out) {
  for (size_t x = 0; x < width; ++x) {
    out[3 * x] = colors.blue[x];
    out[3 * x + 1] = colors.green[x];
    out[3 * x + 2] = colors.red[x];
  }
}

inline size_t pairs_from(size_t x, size_t width) {
  const size_t left = (width - x) / 2;
  return left < kYuvPairs ? left : kYuvPairs;
}

inline void bgr_from_nv12(const uint8_t* luma, const uint8_t* chroma, size_t width, uint8_t* out) {
  YuvColors colors;
  size_t x =
      convert_quickly(width, out, [&](size_t at) { return read_nv12(luma + at, chroma + at); });
  for (; x < width; x += 2 * kYuvPairs) {
    const size_t pairs = pairs_from(x, width);
    colors_from<1>(luma + x, chroma + x, chroma + x + 1, pairs, colors);
    interleave(colors, 2 * pairs, out + 3 * x);
  }
}

inline void bgr_from_yuyv(const uint8_t* row, size_t width, uint8_t* out) {
  YuvColors colors;
  size_t x = convert_quickly(width, out, [&](size_t at) { return load(row + 2 * at); });
  for (; x < width; x += 2 * kYuvPairs) {
    const size_t pairs = pairs_from(x, width);
    const uint8_t* at = row + 2 * x;
    colors_from<2>(at, at + 1, at + 3, pairs, colors);
    interleave(colors, 2 * pairs, out + 3 * x);
  }
}

}  // namespace EDGESEG_TARGET
}  // namespace edgeseg
