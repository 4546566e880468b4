// edgeseg_prepare, edgeseg_colorize and edgeseg_overlay with all kernels of this machine: the same
// results, also in parts by rows, from memory that ends where the arguments say. Built with
// EDGESEG_TESTS and, for memory errors, EDGESEG_SANITIZE; the Python tests hold the values.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <utility>
#include <vector>

#include "edgeseg.h"

namespace {

using Bytes = std::vector<uint8_t>;

int below(std::mt19937& random, int n) {
  return static_cast<int>(random() % static_cast<unsigned>(n));
}

Bytes noise(std::mt19937& random, int count) {
  Bytes bytes(static_cast<size_t>(count));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

// A frame in memory of exactly its size: nothing stands before or behind it.
struct Picture {
  edgeseg_frame frame;
  Bytes pixels;
  Bytes chroma;
};

Picture random_picture(std::mt19937& random) {
  Picture p{};
  edgeseg_frame& frame = p.frame;
  frame.layout = static_cast<edgeseg_layout>(EDGESEG_BGR + below(random, 5));
  const bool camera = frame.layout == EDGESEG_YUYV || frame.layout == EDGESEG_NV12;
  frame.width = 1 + below(random, below(random, 4) == 0 ? 300 : 40);
  frame.height = 1 + below(random, below(random, 4) == 0 ? 300 : 40);
  if (camera) frame.width += frame.width % 2, frame.height += frame.height % 2;
  const int channels = frame.layout <= EDGESEG_RGB ? 3 : frame.layout == EDGESEG_YUYV ? 2 : 1;
  frame.row_stride = frame.width * channels;
  p.pixels = noise(random, frame.height * frame.width * channels);
  frame.data = p.pixels.data();
  if (frame.layout == EDGESEG_NV12) {
    p.chroma = noise(random, frame.height / 2 * frame.width);
    frame.chroma = p.chroma.data();
    frame.chroma_stride = frame.width;
  }
  return p;
}

edgeseg_values random_values(std::mt19937& random) {
  constexpr edgeseg_dtype kTypes[] = {EDGESEG_INT8, EDGESEG_UINT8, EDGESEG_INT16, EDGESEG_FLOAT32};
  const double mean[] = {120, 127.5, 100}, deviation[] = {58, 127.5, 1.0 + below(random, 200)};
  edgeseg_values values;
  char error[200] = "";
  if (edgeseg_values_init(&values, kTypes[below(random, 4)], mean, deviation, 0.0078, 5, error,
                          sizeof error) != EDGESEG_OK) {
    std::printf("values: %s\n", error);
    std::abort();
  }
  return values;
}

edgeseg_input random_input(std::mt19937& random) {
  edgeseg_input input{};
  input.width = 1 + below(random, 60);
  input.height = 1 + below(random, 60);
  input.rgb = below(random, 2);
  input.frame_width = 1 + below(random, input.width);
  input.frame_height = 1 + below(random, input.height);
  input.frame_x = below(random, input.width - input.frame_width + 1);
  input.frame_y = below(random, input.height - input.frame_height + 1);
  return input;
}

bool prepares(const Picture& p, const edgeseg_values& values, edgeseg_input input, Bytes* out) {
  const int item = values.dtype == EDGESEG_FLOAT32 ? 4 : values.dtype == EDGESEG_INT16 ? 2 : 1;
  input.row_stride = input.width * 3 * item;
  // Vectors of bytes are aligned for any type.
  out->assign(static_cast<size_t>(input.height * input.row_stride), 0x55);
  input.data = out->data();
  const int split = input.height / 3;
  char error[200] = "";
  for (const auto& [begin, end] : {std::pair(0, split), std::pair(split, input.height)}) {
    input.row_begin = begin;
    input.row_end = end;
    if (begin == 0 && end == 0) continue;  // would mean all rows
    if (edgeseg_prepare(&p.frame, &values, &input, error, sizeof error) != EDGESEG_OK) {
      std::printf("prepare: %s\n", error);
      return false;
    }
  }
  return true;
}

struct Overlay {
  int width, height, contour;
  double alpha;
  Bytes classes, frame, colors;
};

Overlay random_overlay(std::mt19937& random) {
  Overlay o{};
  o.width = 1 + below(random, 90);
  o.height = 1 + below(random, 30);
  o.contour = below(random, 3) == 0 ? 0 : below(random, 65);
  o.alpha = below(random, 5) / 4.0;
  o.classes = noise(random, o.width * o.height);
  if (below(random, 2) == 0) std::fill(o.classes.begin(), o.classes.end(), o.classes[0]);
  o.frame = noise(random, 3 * o.width * o.height);
  o.colors = noise(random, 3 * (1 + below(random, 256)));
  return o;
}

// The overlay in place, and in the colours of the classes.
bool overlays(const Overlay& o, Bytes* laid, Bytes* colored) {
  edgeseg_classes classes{o.classes.data(), o.height, o.width, o.width, 0, 0, nullptr};
  const edgeseg_palette palette{o.colors.data(), static_cast<int32_t>(o.colors.size() / 3)};
  const edgeseg_contours contours{o.contour, palette};
  const ptrdiff_t stride = 3 * o.width;
  *laid = o.frame;
  colored->assign(o.frame.size(), 0);
  char error[200] = "";
  for (int y = 0; y < o.height; ++y) {
    classes.row_begin = y;
    classes.row_end = y + 1;
    if (edgeseg_overlay(&classes, &palette, o.alpha, &contours, laid->data(), stride, laid->data(),
                        stride, error, sizeof error) != EDGESEG_OK ||
        edgeseg_colorize(&classes, &palette, colored->data(), stride, error, sizeof error) !=
            EDGESEG_OK) {
      std::printf("overlay: %s\n", error);
      return false;
    }
  }
  return true;
}

bool agree(std::mt19937& random) {
  const Picture picture = random_picture(random);
  const edgeseg_values values = random_values(random);
  const edgeseg_input input = random_input(random);
  const Overlay overlay = random_overlay(random);
  Bytes first[3];
  for (int n = 0; const char* name = edgeseg_kernels_at(n); ++n) {
    edgeseg_set_kernels(name, nullptr, 0);
    Bytes now[3];
    if (!prepares(picture, values, input, &now[0]) || !overlays(overlay, &now[1], &now[2])) {
      return false;
    }
    for (int k = 0; k < 3; ++k) {
      if (n == 0) first[k] = now[k];
      if (first[k] != now[k]) {
        std::printf("%s kernels give another result %d\n", name, k);
        return false;
      }
    }
  }
  return true;
}

}  // namespace

int main() {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    if (!agree(random)) {
      std::printf("in round %d\n", round);
      return 1;
    }
  }
  std::printf("prepare, colorize and overlay agree in 300 rounds\n");
  return 0;
}
