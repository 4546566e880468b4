// 16-bit lanes for the picture kernels: pixels widened to 8.8 fixed point, multiplied by 0.16
// weights and packed to bytes again. The vectors are the compiler's own (GCC's vector extensions),
// as wide as the target's registers; only what these have no word for is written for each target.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace edgeseg {
namespace EDGESEG_TARGET {

#if defined(__AVX512BW__)
constexpr size_t kBytes = 64;
#elif defined(__AVX2__)
constexpr size_t kBytes = 32;
#else
constexpr size_t kBytes = 16;
#endif
constexpr size_t kLanes = kBytes / 2;

typedef uint8_t Bytes __attribute__((vector_size(kBytes)));
typedef uint16_t Lanes __attribute__((vector_size(kBytes)));
typedef int16_t SignedLanes __attribute__((vector_size(kBytes)));

inline Bytes load(const uint8_t* from) {
  Bytes a;
  memcpy(&a, from, sizeof a);
  return a;
}

inline void store(uint8_t* to, Bytes a) { memcpy(to, &a, sizeof a); }
inline Lanes every(uint16_t value) { return Lanes{} + value; }
inline Bytes every_byte(uint8_t value) { return Bytes{} + value; }

// average: (a + b + 1) >> 1 of bytes. multiply: a * b >> 16. widen_low and widen_high: lanes of low
// and high bytes; which bytes go to which of the two is the target's own affair, and pack_signed
// and pack_unsigned (saturating) and store_lanes undo it.
#if defined(__AVX512BW__)

inline Bytes average(Bytes a, Bytes b) { return (Bytes)_mm512_avg_epu8((__m512i)a, (__m512i)b); }
inline Lanes multiply(Lanes a, Lanes b) {
  return (Lanes)_mm512_mulhi_epu16((__m512i)a, (__m512i)b);
}
inline Lanes widen_low(Bytes low, Bytes high) {
  return (Lanes)_mm512_unpacklo_epi8((__m512i)low, (__m512i)high);
}
inline Lanes widen_high(Bytes low, Bytes high) {
  return (Lanes)_mm512_unpackhi_epi8((__m512i)low, (__m512i)high);
}
inline Bytes pack_signed(Lanes a, Lanes b) {
  return (Bytes)_mm512_packs_epi16((__m512i)a, (__m512i)b);
}
inline Bytes pack_unsigned(Lanes a, Lanes b) {
  return (Bytes)_mm512_packus_epi16((__m512i)a, (__m512i)b);
}
inline void store_lanes(uint16_t* to, Lanes low, Lanes high) {
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  _mm512_storeu_si512(to, _mm512_permutex2var_epi64((__m512i)low, first, (__m512i)high));
  _mm512_storeu_si512(to + kLanes, _mm512_permutex2var_epi64((__m512i)low, second, (__m512i)high));
}

#elif defined(__AVX2__)

inline Bytes average(Bytes a, Bytes b) { return (Bytes)_mm256_avg_epu8((__m256i)a, (__m256i)b); }
inline Lanes multiply(Lanes a, Lanes b) {
  return (Lanes)_mm256_mulhi_epu16((__m256i)a, (__m256i)b);
}
inline Lanes widen_low(Bytes low, Bytes high) {
  return (Lanes)_mm256_unpacklo_epi8((__m256i)low, (__m256i)high);
}
inline Lanes widen_high(Bytes low, Bytes high) {
  return (Lanes)_mm256_unpackhi_epi8((__m256i)low, (__m256i)high);
}
inline Bytes pack_signed(Lanes a, Lanes b) {
  return (Bytes)_mm256_packs_epi16((__m256i)a, (__m256i)b);
}
inline Bytes pack_unsigned(Lanes a, Lanes b) {
  return (Bytes)_mm256_packus_epi16((__m256i)a, (__m256i)b);
}
inline void store_lanes(uint16_t* to, Lanes low, Lanes high) {
  const __m256i first = _mm256_permute2x128_si256((__m256i)low, (__m256i)high, 0x20);
  const __m256i second = _mm256_permute2x128_si256((__m256i)low, (__m256i)high, 0x31);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), first);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + kLanes), second);
}

#else

inline void store_lanes(uint16_t* to, Lanes low, Lanes high) {
  memcpy(to, &low, sizeof low);
  memcpy(to + kLanes, &high, sizeof high);
}

#if defined(__SSE2__)

inline Bytes average(Bytes a, Bytes b) { return (Bytes)_mm_avg_epu8((__m128i)a, (__m128i)b); }
inline Lanes multiply(Lanes a, Lanes b) { return (Lanes)_mm_mulhi_epu16((__m128i)a, (__m128i)b); }
inline Lanes widen_low(Bytes low, Bytes high) {
  return (Lanes)_mm_unpacklo_epi8((__m128i)low, (__m128i)high);
}
inline Lanes widen_high(Bytes low, Bytes high) {
  return (Lanes)_mm_unpackhi_epi8((__m128i)low, (__m128i)high);
}
inline Bytes pack_signed(Lanes a, Lanes b) {
  return (Bytes)_mm_packs_epi16((__m128i)a, (__m128i)b);
}
inline Bytes pack_unsigned(Lanes a, Lanes b) {
  return (Bytes)_mm_packus_epi16((__m128i)a, (__m128i)b);
}

#elif defined(__aarch64__)

inline Bytes average(Bytes a, Bytes b) { return (Bytes)vrhaddq_u8((uint8x16_t)a, (uint8x16_t)b); }
inline Lanes multiply(Lanes a, Lanes b) {
  const uint32x4_t low = vmull_u16(vget_low_u16((uint16x8_t)a), vget_low_u16((uint16x8_t)b));
  const uint32x4_t high = vmull_high_u16((uint16x8_t)a, (uint16x8_t)b);
  return (Lanes)vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
}
inline Lanes widen_low(Bytes low, Bytes high) {
  return (Lanes)vzip1q_u8((uint8x16_t)low, (uint8x16_t)high);
}
inline Lanes widen_high(Bytes low, Bytes high) {
  return (Lanes)vzip2q_u8((uint8x16_t)low, (uint8x16_t)high);
}
inline Bytes pack_signed(Lanes a, Lanes b) {
  return (Bytes)vcombine_s8(vqmovn_s16((int16x8_t)a), vqmovn_s16((int16x8_t)b));
}
inline Bytes pack_unsigned(Lanes a, Lanes b) {
  return (Bytes)vcombine_u8(vqmovun_s16((int16x8_t)a), vqmovun_s16((int16x8_t)b));
}

#else

inline Bytes average(Bytes a, Bytes b) { return (a | b) - ((a ^ b) >> 1); }
inline Lanes multiply(Lanes a, Lanes b) {
  Lanes result = {};
  for (size_t i = 0; i < kLanes; ++i) {
    result[i] = static_cast<uint16_t>(static_cast<uint32_t>(a[i]) * b[i] >> 16);
  }
  return result;
}
inline Lanes widen(Bytes low, Bytes high, size_t from) {
  Lanes result = {};
  for (size_t i = 0; i < kLanes; ++i) {
    result[i] = static_cast<uint16_t>(low[from + i] | high[from + i] << 8);
  }
  return result;
}
inline Lanes widen_low(Bytes low, Bytes high) { return widen(low, high, 0); }
inline Lanes widen_high(Bytes low, Bytes high) { return widen(low, high, kLanes); }
inline Bytes pack(Lanes a, Lanes b, int least, int most) {
  Bytes result = {};
  for (size_t i = 0; i < kBytes; ++i) {
    const int value = static_cast<int16_t>(i < kLanes ? a[i] : b[i - kLanes]);
    result[i] = static_cast<uint8_t>(value < least ? least : value > most ? most : value);
  }
  return result;
}
inline Bytes pack_signed(Lanes a, Lanes b) { return pack(a, b, -128, 127); }
inline Bytes pack_unsigned(Lanes a, Lanes b) { return pack(a, b, 0, 255); }

#endif
#endif

}  // namespace EDGESEG_TARGET
}  // namespace edgeseg
