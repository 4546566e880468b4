// A frame through a network to a blended frame, with LiteRT and libedgeseg:
//
//   segment model.tflite frame.ppm blended.ppm
//
// The network takes RGB as (pixel - 127.5) / 127.5, the whole frame stretched to its input, and
// gives scores; edgeseg's own models do (`edgeseg info MODEL`). The kernels write into the input's
// memory and read the output's.
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "network.h"

int main(int count, char** words) {
  need(count == 4, "usage: segment MODEL.tflite FRAME.ppm BLENDED.ppm; that");
  std::ifstream file(words[2], std::ios::binary);
  std::string magic;
  int width = 0, height = 0, most = 0;
  file >> magic >> width >> height >> most;
  file.get();
  need(file && magic == "P6" && most == 255 && width > 0 && height > 0, "reading the frame's head");
  std::vector<uint8_t> frame(size_t(width) * height * 3), mask(size_t(width) * height);
  file.read(reinterpret_cast<char*>(frame.data()), std::streamsize(frame.size()));
  need(bool(file), "reading the frame");

  Network network(words[1]);
  const Tensor &in = network.in, &out = network.out;
  const double middle[3] = {127.5, 127.5, 127.5};
  edgeseg_values values;
  CALL(edgeseg_values_init, &values, in.dtype, middle, middle, in.quantization.scale,
       int32_t(in.quantization.zero_point), error, sizeof error);

  // From here on for each frame.
  edgeseg_input input{};
  input.data = in.lock(kLiteRtLockWrite);
  input.row_stride = in.shape[2] * 3 * in.item;
  input.height = input.frame_height = in.shape[1];
  input.width = input.frame_width = in.shape[2];
  input.rgb = 1;
  const edgeseg_frame picture{EDGESEG_RGB, height, width, frame.data(), width * 3, nullptr, 0};
  CALL(edgeseg_prepare, &picture, &values, &input, error, sizeof error);
  in.unlock();
  network.run();

  const int32_t rows = out.shape[1], columns = out.shape[2], labels = out.shape[3];
  const edgeseg_scores scores{
      out.lock(kLiteRtLockRead),   out.dtype,         rows,    columns, labels,
      columns * labels * out.item, labels * out.item, out.item};
  const edgeseg_grid grid{double(columns) / width, double(rows) / height, 0, 0, 0};
  edgeseg_decoded decoded{};
  decoded.height = height;
  decoded.width = width;
  decoded.classes = mask.data();
  decoded.classes_stride = width;
  CALL(edgeseg_decode, &scores, &grid, &decoded, error, sizeof error);
  out.unlock();

  uint8_t colors[256][3];
  for (int n = 0; n < 768; ++n) colors[n / 3][n % 3] = uint8_t(n / 3 * (37 + 50 * (n % 3)));
  const edgeseg_classes classes{mask.data(), height, width, width, 0, 0};
  const edgeseg_palette palette{colors[0], 256};
  CALL(edgeseg_overlay, &classes, &palette, 0.5, nullptr, frame.data(), width * 3, frame.data(),
       width * 3, error, sizeof error);
  std::ofstream blended(words[3], std::ios::binary);
  blended << "P6\n" << width << ' ' << height << "\n255\n";
  blended.write(reinterpret_cast<const char*>(frame.data()), std::streamsize(frame.size()));
  need(bool(blended.flush()), "writing the picture");
}
