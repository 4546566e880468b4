// Class maps to colours, and colours over frames; overlay_kernels.h says what each kernel computes.
#include "lanes.h"
#include "overlay_kernels.h"

namespace edgeseg {
namespace EDGESEG_TARGET {
namespace {

// ---- sixteen pixels at a time, where the target can look up sixteen bytes at once ----

#if defined(__AVX2__) || defined(__aarch64__)

// The bytes of colours are handled in three parts: of each piece of 16 pixels the first 16 bytes,
// the second and the third. Which pixel of its piece each byte belongs to; and likewise for one
// channel, 255 for the bytes of others.
struct Places {
  uint8_t pixel[3][16];
  uint8_t channel[3][3][16];

  constexpr Places() : pixel(), channel() {
    for (int n = 0; n < 48; ++n) {
      const auto place = static_cast<uint8_t>(n / 3);
      pixel[n / 16][n % 16] = place;
      for (int c = 0; c < 3; ++c) channel[n / 16][c][n % 16] = c == n % 3 ? place : 255;
    }
  }
};
constexpr Places kPlaces;

#if defined(__AVX2__)

// Two pieces: this target shuffles within halves of its registers.
constexpr size_t kPixels = 32;
typedef uint8_t Piece __attribute__((vector_size(32)));

Piece shuffle(Piece bytes, Piece places) {
  return (Piece)_mm256_shuffle_epi8((__m256i)bytes, (__m256i)places);
}

// 0 for places from 16 on: their highest bit is set first.
Piece look_up(Piece table, Piece places) {
  return shuffle(table, (Piece)_mm256_adds_epu8((__m256i)places, _mm256_set1_epi8(0x70)));
}

__m128i sixteen_at(const uint8_t* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

Piece repeated(const uint8_t* from) { return (Piece)_mm256_broadcastsi128_si256(sixteen_at(from)); }

Piece load_part(const uint8_t* pixels, size_t part) {
  const __m256i first = _mm256_castsi128_si256(sixteen_at(pixels + 16 * part));
  return (Piece)_mm256_inserti128_si256(first, sixteen_at(pixels + 48 + 16 * part), 1);
}

void store_part(uint8_t* pixels, size_t part, Piece bytes) {
  auto* first = reinterpret_cast<__m128i*>(pixels + 16 * part);
  _mm_storeu_si128(first, _mm256_castsi256_si128((__m256i)bytes));
  _mm_storeu_si128(first + 3, _mm256_extracti128_si256((__m256i)bytes, 1));
}

#else

constexpr size_t kPixels = 16;
typedef uint8_t Piece __attribute__((vector_size(16)));

Piece shuffle(Piece bytes, Piece places) {
  return (Piece)vqtbl1q_u8((uint8x16_t)bytes, (uint8x16_t)places);
}
Piece look_up(Piece table, Piece places) { return shuffle(table, places); }
Piece repeated(const uint8_t* from) { return (Piece)vld1q_u8(from); }
Piece load_part(const uint8_t* pixels, size_t part) { return repeated(pixels + 16 * part); }
void store_part(uint8_t* pixels, size_t part, Piece bytes) {
  vst1q_u8(pixels + 16 * part, (uint8x16_t)bytes);
}

#endif

Piece load_piece(const uint8_t* from) {
  Piece piece;
  memcpy(&piece, from, sizeof piece);
  return piece;
}

// Up to 16 * kTables classes: each table of sixteen gives 0 for those of others.
template <size_t kTables>
size_t colorize_pieces(const uint8_t* classes, const Colors& colors, size_t width, uint8_t* out) {
  Piece tables[kTables][3];
  for (size_t t = 0; t < kTables; ++t) {
    for (size_t c = 0; c < 3; ++c) tables[t][c] = repeated(colors.channels + 256 * c + 16 * t);
  }
  size_t x = 0;
  for (; x + kPixels <= width; x += kPixels) {
    const Piece pixels = load_piece(classes + x);
    Piece channels[3] = {};
    for (size_t t = 0; t < kTables; ++t) {
      const Piece places = pixels - static_cast<uint8_t>(16 * t);
      for (size_t c = 0; c < 3; ++c) channels[c] |= look_up(tables[t][c], places);
    }
    for (size_t p = 0; p < 3; ++p) {
      Piece sum = {};
      for (size_t c = 0; c < 3; ++c) {
        sum |= shuffle(channels[c], repeated(kPlaces.channel[p][c]));
      }
      store_part(out + 3 * x, p, sum);
    }
  }
  return x;
}

size_t colorize_quickly(const uint8_t* classes, const Colors& colors, size_t width, uint8_t* out) {
  if (colors.count <= 16) return colorize_pieces<1>(classes, colors, width, out);
  if (colors.count <= 32) return colorize_pieces<2>(classes, colors, width, out);
  return 0;
}

size_t lay_quickly(const uint8_t* marks, const uint8_t* colors, size_t width, uint8_t* out) {
  size_t x = 0;
  for (; x + kPixels <= width; x += kPixels) {
    const Piece pixels = load_piece(marks + x);
    for (size_t p = 0; p < 3; ++p) {
      const Piece marked = shuffle(pixels, repeated(kPlaces.pixel[p]));
      const Piece color = load_part(colors + 3 * x, p), old = load_part(out + 3 * x, p);
      store_part(out + 3 * x, p, (color & marked) | (old & ~marked));
    }
  }
  return x;
}

#else

size_t colorize_quickly(const uint8_t*, const Colors&, size_t, uint8_t*) { return 0; }
size_t lay_quickly(const uint8_t*, const uint8_t*, size_t, uint8_t*) { return 0; }

#endif

// ---- colours ----

bool all_equal(const uint8_t* classes) {
  uint64_t words[2];
  memcpy(words, classes, sizeof words);
  return words[0] == words[1] && words[0] == (words[0] & 0xff) * 0x0101010101010101u;
}

void colorize_pixel(const uint8_t* pattern, uint8_t* out) {
  uint32_t color;
  memcpy(&color, pattern, sizeof color);
  memcpy(out, &color, sizeof color);
}

// Where there are too many classes to look up: they lie in areas, so most pieces of 16 pixels are
// of one class and take its pattern whole.
void colorize(const uint8_t* classes, const Colors& colors, size_t width, uint8_t* out) {
  const auto pattern = [&](size_t x) { return colors.patterns + 3 * kRun * classes[x]; };
  size_t x = colorize_quickly(classes, colors, width, out);
  for (; x + kRun < width; x += kRun) {
    if (all_equal(classes + x)) {
      memcpy(out + 3 * x, pattern(x), 3 * kRun);
    } else {
      for (size_t i = x; i < x + kRun; ++i) colorize_pixel(pattern(i), out + 3 * i);
    }
  }
  for (; x < width; ++x) memcpy(out + 3 * x, pattern(x), 3);
}

void lay(const uint8_t* marks, const uint8_t* colors, size_t width, uint8_t* out) {
  for (size_t x = lay_quickly(marks, colors, width, out); x < width; ++x) {
    if (marks[x] != 0) memcpy(out + 3 * x, colors + 3 * x, 3);
  }
}

// ---- blending ----

constexpr uint16_t kHalf = 32768;

Bytes blend_bytes(Bytes frame, Bytes colors, Lanes keep, Lanes weight) {
  const Lanes half = every(129);
  const Lanes low = multiply(widen_low(Bytes{}, frame), keep) +
                    multiply(widen_low(Bytes{}, colors), weight) + half;
  const Lanes high = multiply(widen_high(Bytes{}, frame), keep) +
                     multiply(widen_high(Bytes{}, colors), weight) + half;
  return pack_unsigned(low >> 8, high >> 8);
}

void blend(const uint8_t* frame, const uint8_t* colors, uint16_t keep, uint16_t weight,
           size_t count, uint8_t* out) {
  const Lanes keeps = every(keep), weights = every(weight);
  size_t x = 0;
  // Half and half is the mean, rounded up: what the formula gives as well.
  for (; weight == kHalf && x + kBytes <= count; x += kBytes) {
    store(out + x, average(load(frame + x), load(colors + x)));
  }
  for (; x + kBytes <= count; x += kBytes) {
    store(out + x, blend_bytes(load(frame + x), load(colors + x), keeps, weights));
  }
  uint8_t rest[2][kBytes] = {};
  memcpy(rest[0], frame + x, count - x);
  memcpy(rest[1], colors + x, count - x);
  store(rest[0], blend_bytes(load(rest[0]), load(rest[1]), keeps, weights));
  memcpy(out + x, rest[0], count - x);
}

void mark_differing(const uint8_t* a, const uint8_t* b, size_t count, uint8_t* marks) {
  for (size_t x = 0; x < count; ++x) {
    marks[x] = static_cast<uint8_t>(marks[x] | (a[x] != b[x] ? 255 : 0));
  }
}

}  // namespace

extern const OverlayKernels overlay_kernels;
const OverlayKernels overlay_kernels = {colorize, blend, mark_differing, lay};

}  // namespace EDGESEG_TARGET
}  // namespace edgeseg
