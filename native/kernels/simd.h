// Sixteen lanes at a time, on whatever vectors the target has. Included inside nothing; all names
// are in the target's namespace, so that no two targets share a function.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if !defined(__GNUC__)
#error "the kernels are written with the vector extensions of GCC and Clang"
#endif

namespace edgeseg {
namespace EDGESEG_TARGET {

#if defined(__AVX512BW__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
constexpr int kParts = 16 / kLanes;
constexpr int kHalf = kParts > 1 ? kParts / 2 : 1;  // parts of eight lanes, if there are such

typedef int32_t VectorInt __attribute__((vector_size(4 * kLanes)));
typedef float VectorFloat __attribute__((vector_size(4 * kLanes)));

// Values of 32 bits: sixteen, or eight where the parts are half as many. A comparison gives ints of
// 0 and -1.
template <typename Vector, int kCount = kParts>
struct Pack {
  Vector part[kCount];
};
template <int kCount>
using SomeInts = Pack<VectorInt, kCount>;
template <int kCount>
using SomeFloats = Pack<VectorFloat, kCount>;
using Ints = SomeInts<kParts>;
using Floats = SomeFloats<kParts>;

// Part by part: GCC copies a whole pack in pieces of 16 bytes, and then waits for the pieces.
template <typename Vector, int kCount>
inline void load_parts(const void* from, Pack<Vector, kCount>* to) {
  for (int n = 0; n < kCount; ++n) {
    memcpy(&to->part[n], static_cast<const uint8_t*>(from) + n * sizeof(Vector), sizeof(Vector));
  }
}

template <typename P>
inline P load(const void* from) {
  P p;
  load_parts(from, &p);
  return p;
}

template <typename Vector, int kCount>
inline void store(void* to, const Pack<Vector, kCount>& p) {
  for (int n = 0; n < kCount; ++n) {
    memcpy(static_cast<uint8_t*>(to) + n * sizeof(Vector), &p.part[n], sizeof(Vector));
  }
}

// A pack of this value in all lanes.
template <typename P, typename Value>
inline P every(Value value) {
  P p;
  for (auto& part : p.part) part = value - decltype(p.part[0] + p.part[0]){};  // + would lose -0
  return p;
}

inline Ints splat(int32_t value) { return every<Ints>(value); }
inline Floats splat(float value) { return every<Floats>(value); }

#define EDGESEG_OPERATOR(op)                                                \
  template <typename V, int N>                                              \
  inline Pack<V, N> operator op(const Pack<V, N>& a, const Pack<V, N>& b) { \
    Pack<V, N> p;                                                           \
    for (int n = 0; n < N; ++n) p.part[n] = a.part[n] op b.part[n];         \
    return p;                                                               \
  }
EDGESEG_OPERATOR(+)
EDGESEG_OPERATOR(-)
EDGESEG_OPERATOR(*)
EDGESEG_OPERATOR(&)
EDGESEG_OPERATOR(|)
#undef EDGESEG_OPERATOR

#define EDGESEG_COMPARISON(op)                                               \
  template <typename V, int N>                                               \
  inline SomeInts<N> operator op(const Pack<V, N>& a, const Pack<V, N>& b) { \
    SomeInts<N> p;                                                           \
    for (int n = 0; n < N; ++n) p.part[n] = a.part[n] op b.part[n];          \
    return p;                                                                \
  }
EDGESEG_COMPARISON(>)
EDGESEG_COMPARISON(>=)
EDGESEG_COMPARISON(==)
#undef EDGESEG_COMPARISON

template <typename V, int N>
inline Pack<V, N> select(const SomeInts<N>& where, const Pack<V, N>& yes, const Pack<V, N>& no) {
  Pack<V, N> p;
  for (int n = 0; n < N; ++n) p.part[n] = where.part[n] ? yes.part[n] : no.part[n];
  return p;
}

// Real maxima and minima where there are such: a comparison and a selection take far longer.
inline VectorInt greater_part(VectorInt a, VectorInt b) {
#if defined(__AVX512BW__)
  return (VectorInt)_mm512_max_epi32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (VectorInt)_mm256_max_epi32((__m256i)a, (__m256i)b);
#elif defined(__aarch64__)
  return (VectorInt)vmaxq_s32((int32x4_t)a, (int32x4_t)b);
#else
  return a > b ? a : b;
#endif
}

inline VectorInt lesser_part(VectorInt a, VectorInt b) {
#if defined(__AVX512BW__)
  return (VectorInt)_mm512_min_epi32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (VectorInt)_mm256_min_epi32((__m256i)a, (__m256i)b);
#elif defined(__aarch64__)
  return (VectorInt)vminq_s32((int32x4_t)a, (int32x4_t)b);
#else
  return a > b ? b : a;
#endif
}

// Of a NaN and a number, these return the second.
inline VectorFloat greater_part(VectorFloat a, VectorFloat b) {
#if defined(__AVX512BW__)
  return (VectorFloat)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (VectorFloat)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
  return (VectorFloat)_mm_max_ps((__m128)a, (__m128)b);
#else
  return a > b ? a : b;
#endif
}

inline VectorFloat lesser_part(VectorFloat a, VectorFloat b) {
#if defined(__AVX512BW__)
  return (VectorFloat)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (VectorFloat)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
  return (VectorFloat)_mm_min_ps((__m128)a, (__m128)b);
#else
  return a < b ? a : b;
#endif
}

template <typename V, int N>
inline Pack<V, N> greater_of(const Pack<V, N>& a, const Pack<V, N>& b) {
  Pack<V, N> p;
  for (int n = 0; n < N; ++n) p.part[n] = greater_part(a.part[n], b.part[n]);
  return p;
}

template <typename V, int N>
inline Pack<V, N> lesser_of(const Pack<V, N>& a, const Pack<V, N>& b) {
  Pack<V, N> p;
  for (int n = 0; n < N; ++n) p.part[n] = lesser_part(a.part[n], b.part[n]);
  return p;
}

inline Floats as_floats(const Ints& a) {
  Floats p;
  for (int n = 0; n < kParts; ++n) p.part[n] = (VectorFloat)a.part[n];
  return p;
}

inline Ints as_ints(const Floats& a) {
  Ints p;
  for (int n = 0; n < kParts; ++n) p.part[n] = (VectorInt)a.part[n];
  return p;
}

inline Floats magnitude(const Floats& a) { return as_floats(as_ints(a) & splat(INT32_MAX)); }

template <int N>
inline SomeFloats<N> to_float(const SomeInts<N>& a) {
  SomeFloats<N> p;
  for (int n = 0; n < N; ++n) p.part[n] = __builtin_convertvector(a.part[n], VectorFloat);
  return p;
}

// Rounds towards 0.
template <int N>
inline SomeInts<N> to_int(const SomeFloats<N>& a) {
  SomeInts<N> p;
  for (int n = 0; n < N; ++n) p.part[n] = __builtin_convertvector(a.part[n], VectorInt);
  return p;
}

typedef uint8_t Bytes __attribute__((vector_size(16)));

template <>
inline Bytes load<Bytes>(const void* from) {
  Bytes bytes;
  memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

inline void store(void* to, const Bytes& bytes) { memcpy(to, &bytes, sizeof bytes); }

inline Bytes splat(uint8_t value) { return Bytes{} + value; }

// The low bytes of values in 0..255.
inline Bytes to_bytes(const Ints& a) {
#if defined(__AVX512BW__)
  return (Bytes)_mm512_cvtepi32_epi8((__m512i)a.part[0]);
#elif defined(__AVX2__)
  const __m256i words =
      _mm256_permute4x64_epi64(_mm256_packs_epi32((__m256i)a.part[0], (__m256i)a.part[1]), 0xd8);
  return (Bytes)_mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
#elif defined(__SSE2__)
  return (Bytes)_mm_packus_epi16(_mm_packs_epi32((__m128i)a.part[0], (__m128i)a.part[1]),
                                 _mm_packs_epi32((__m128i)a.part[2], (__m128i)a.part[3]));
#elif defined(__aarch64__)
  const uint16x8_t low =
      vcombine_u16(vmovn_u32((uint32x4_t)a.part[0]), vmovn_u32((uint32x4_t)a.part[1]));
  const uint16x8_t high =
      vcombine_u16(vmovn_u32((uint32x4_t)a.part[2]), vmovn_u32((uint32x4_t)a.part[3]));
  return (Bytes)vcombine_u8(vmovn_u16(low), vmovn_u16(high));
#else
  Bytes bytes;
  for (int n = 0; n < 16; ++n) bytes[n] = (uint8_t)a.part[n / kLanes][n % kLanes];
  return bytes;
#endif
}

// The same of eight values, in the first eight bytes.
#if !defined(__AVX512BW__)
inline Bytes to_bytes(const SomeInts<kHalf>& a) {
#if defined(__AVX2__)
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)a.part[0]),
                                        _mm256_extracti128_si256((__m256i)a.part[0], 1));
  return (Bytes)_mm_packus_epi16(words, words);
#elif defined(__SSE2__)
  const __m128i words = _mm_packs_epi32((__m128i)a.part[0], (__m128i)a.part[1]);
  return (Bytes)_mm_packus_epi16(words, words);
#elif defined(__aarch64__)
  const uint16x8_t words =
      vcombine_u16(vmovn_u32((uint32x4_t)a.part[0]), vmovn_u32((uint32x4_t)a.part[1]));
  return (Bytes)vcombine_u8(vmovn_u16(words), vmovn_u16(words));
#else
  Bytes bytes{};
  for (int n = 0; n < 8; ++n) bytes[n] = (uint8_t)a.part[n / kLanes][n % kLanes];
  return bytes;
#endif
}
#endif

inline Bytes greater_of(const Bytes& a, const Bytes& b) {
#if defined(__SSE2__)
  return (Bytes)_mm_max_epu8((__m128i)a, (__m128i)b);
#elif defined(__aarch64__)
  return (Bytes)vmaxq_u8((uint8x16_t)a, (uint8x16_t)b);
#else
  return a > b ? a : b;
#endif
}

// One bit for each lane that is not 0 (all its bits are alike), the first lane's the lowest.
inline unsigned bits(const Bytes& mask) {
#if defined(__SSE2__)
  return (unsigned)_mm_movemask_epi8((__m128i)mask);
#elif defined(__aarch64__)
  const Bytes weights = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t set = (uint8x16_t)(mask & weights);
  return vaddv_u8(vget_low_u8(set)) | (unsigned)vaddv_u8(vget_high_u8(set)) << 8;
#else
  unsigned set = 0;
  for (int n = 0; n < 16; ++n) set |= (unsigned)(mask[n] & 1) << n;
  return set;
#endif
}

inline unsigned bits(const Ints& mask) {
#if defined(__AVX512BW__)
  return (unsigned)_mm512_movepi32_mask((__m512i)mask.part[0]);
#elif defined(__AVX2__)
  return (unsigned)_mm256_movemask_ps((__m256)mask.part[0]) |
         (unsigned)_mm256_movemask_ps((__m256)mask.part[1]) << 8;
#elif defined(__SSE2__)
  return bits(
      (Bytes)_mm_packs_epi16(_mm_packs_epi32((__m128i)mask.part[0], (__m128i)mask.part[1]),
                             _mm_packs_epi32((__m128i)mask.part[2], (__m128i)mask.part[3])));
#else
  const Bytes low = to_bytes(mask & splat(255));
  return bits(low);
#endif
}

inline uint8_t greatest(Bytes a) {
#if defined(__SSE4_1__)
  // The instruction finds the least of eight words; so complements, two bytes to a word.
  const __m128i least = _mm_xor_si128((__m128i)a, _mm_set1_epi8(-1));
  const __m128i words = _mm_min_epu8(least, _mm_srli_epi16(least, 8));
  return (uint8_t)~_mm_cvtsi128_si32(_mm_minpos_epu16(words));
#elif defined(__SSE2__)
  __m128i v = (__m128i)a;
  v = _mm_max_epu8(v, _mm_srli_si128(v, 8));
  v = _mm_max_epu8(v, _mm_srli_si128(v, 4));
  v = _mm_max_epu8(v, _mm_srli_si128(v, 2));
  v = _mm_max_epu8(v, _mm_srli_si128(v, 1));
  return (uint8_t)_mm_cvtsi128_si32(v);
#elif defined(__aarch64__)
  return vmaxvq_u8((uint8x16_t)a);
#else
  uint8_t best = a[0];
  for (int n = 1; n < 16; ++n) best = a[n] > best ? a[n] : best;
  return best;
#endif
}

inline float greatest(const Floats& a) {
  VectorFloat v = a.part[0];
  for (int n = 1; n < kParts; ++n) v = greater_part(v, a.part[n]);
#if defined(__AVX512BW__)
  return _mm512_reduce_max_ps((__m512)v);
#elif defined(__SSE2__)
#if defined(__AVX2__)
  __m128 four = _mm_max_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
#else
  __m128 four = (__m128)v;
#endif
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_shuffle_ps(four, four, 1)));
#elif defined(__aarch64__)
  return vmaxvq_f32((float32x4_t)v);
#else
  float best = v[0];
  for (int n = 1; n < kLanes; ++n) best = v[n] > best ? v[n] : best;
  return best;
#endif
}

}  // namespace EDGESEG_TARGET
}  // namespace edgeseg
