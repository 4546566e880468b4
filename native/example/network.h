// A .tflite file with one input and one output, run by LiteRT on the CPU. For an example: it ends
// the program on an error, and never gives the network back.
#pragma once

#include <edgeseg.h>

#include <cstdio>
#include <cstdlib>

#include "litert.h"

inline char error[256];

inline void need(bool fine, const char* what) {
  if (fine) return;
  std::fprintf(stderr, "%s failed. %s\n", what, error);
  std::exit(1);
}
#define CALL(function, ...) need(function(__VA_ARGS__) == 0, #function)

struct Tensor {
  LiteRtRankedTensorType type;
  LiteRtQuantizationPerTensor quantization;  // 0 for float
  LiteRtTensorBuffer buffer;
  edgeseg_dtype dtype;
  ptrdiff_t item;        // bytes
  const int32_t* shape;  // 1, rows, columns, channels

  Tensor(LiteRtTensor tensor, LiteRtEnvironment environment,
         LiteRtTensorBufferRequirements requirements)
      : quantization{0, 0}, shape{type.dimensions} {
    CALL(LiteRtGetRankedTensorType, tensor, &type);
    LiteRtGetPerTensorQuantization(tensor, &quantization);
    CALL(LiteRtCreateManagedTensorBufferFromRequirements, environment, &type, requirements,
         &buffer);
    const bool is_float = type.element_type == kLiteRtElementTypeFloat32;
    const bool is_int8 = type.element_type == kLiteRtElementTypeInt8;
    need(is_float || is_int8 || type.element_type == kLiteRtElementTypeUInt8, "the tensor's type");
    dtype = is_float ? EDGESEG_FLOAT32 : is_int8 ? EDGESEG_INT8 : EDGESEG_UINT8;
    item = is_float ? 4 : 1;
  }
  Tensor(const Tensor&) = delete;

  // The tensor's own memory, until unlock.
  void* lock(int mode) const {
    void* memory;
    CALL(LiteRtLockTensorBuffer, buffer, &memory, mode);
    return memory;
  }
  void unlock() const { CALL(LiteRtUnlockTensorBuffer, buffer); }
};

class Network {
 public:
  explicit Network(const char* path) : compiled_(compile(path)), in(input()), out(output()) {}

  void run() {
    LiteRtTensorBuffer from = in.buffer, to = out.buffer;
    CALL(LiteRtRunCompiledModel, compiled_, 0, 1, &from, 1, &to);
  }

 private:
  LiteRtEnvironment environment_;
  LiteRtSignature signature_;
  LiteRtCompiledModel compiled_;

  LiteRtCompiledModel compile(const char* path) {
    LiteRtModel model;
    LiteRtOptions options;
    LiteRtCompiledModel compiled;
    CALL(LiteRtCreateEnvironment, 0, nullptr, &environment_);
    CALL(LiteRtCreateModelFromFile, environment_, path, &model);
    CALL(LiteRtCreateOptions, &options);
    CALL(LiteRtSetOptionsHardwareAccelerators, options, kLiteRtHwAcceleratorCpu);
    CALL(LiteRtCreateCompiledModel, environment_, model, options, &compiled);
    CALL(LiteRtGetModelSignature, model, 0, &signature_);
    return compiled;
  }

  Tensor input() {
    LiteRtTensor tensor;
    LiteRtTensorBufferRequirements needs;
    CALL(LiteRtGetSignatureInputTensorByIndex, signature_, 0, &tensor);
    CALL(LiteRtGetCompiledModelInputBufferRequirements, compiled_, 0, 0, &needs);
    return {tensor, environment_, needs};
  }

  Tensor output() {
    LiteRtTensor tensor;
    LiteRtTensorBufferRequirements needs;
    CALL(LiteRtGetSignatureOutputTensorByIndex, signature_, 0, &tensor);
    CALL(LiteRtGetCompiledModelOutputBufferRequirements, compiled_, 0, 0, &needs);
    return {tensor, environment_, needs};
  }

 public:
  const Tensor in, out;
};
