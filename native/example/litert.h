/* The part of LiteRT's C interface that the example needs, as libLiteRt.so 2.3 has it. Its package
 * brings no headers; where you have LiteRT's own (litert/c/), include those instead. */
#ifndef EDGESEG_EXAMPLE_LITERT_H
#define EDGESEG_EXAMPLE_LITERT_H

#include <stddef.h>
#include <stdint.h>

extern "C" {

typedef struct LiteRtEnvironmentT* LiteRtEnvironment;
typedef struct LiteRtModelT* LiteRtModel;
typedef struct LiteRtOptionsT* LiteRtOptions;
typedef struct LiteRtCompiledModelT* LiteRtCompiledModel;
typedef struct LiteRtSignatureT* LiteRtSignature;
typedef struct LiteRtTensorT* LiteRtTensor;
typedef struct LiteRtTensorBufferT* LiteRtTensorBuffer;
typedef struct LiteRtTensorBufferRequirementsT* LiteRtTensorBufferRequirements;

enum LiteRtHwAccelerators { kLiteRtHwAcceleratorCpu = 1 };
enum LiteRtLock { kLiteRtLockRead = 0, kLiteRtLockWrite = 1 };
enum LiteRtElementType {
  kLiteRtElementTypeFloat32 = 1,
  kLiteRtElementTypeUInt8 = 3,
  kLiteRtElementTypeInt8 = 9
};

struct LiteRtRankedTensorType {
  int element_type;
  unsigned rank : 7, has_strides : 1;
  int32_t dimensions[8];
  uint32_t strides[8];
};

struct LiteRtQuantizationPerTensor {
  float scale;
  int64_t zero_point;
};

int LiteRtCreateEnvironment(int count, const void* options, LiteRtEnvironment* environment);
int LiteRtCreateModelFromFile(LiteRtEnvironment, const char* path, LiteRtModel* model);
int LiteRtCreateOptions(LiteRtOptions* options);
int LiteRtSetOptionsHardwareAccelerators(LiteRtOptions options, int accelerators);
int LiteRtCreateCompiledModel(LiteRtEnvironment, LiteRtModel, LiteRtOptions,
                              LiteRtCompiledModel* compiled);
int LiteRtGetModelSignature(LiteRtModel model, size_t index, LiteRtSignature* signature);
int LiteRtGetSignatureInputTensorByIndex(LiteRtSignature, size_t index, LiteRtTensor* tensor);
int LiteRtGetSignatureOutputTensorByIndex(LiteRtSignature, size_t index, LiteRtTensor* tensor);
int LiteRtGetRankedTensorType(LiteRtTensor tensor, LiteRtRankedTensorType* type);
int LiteRtGetPerTensorQuantization(LiteRtTensor tensor, LiteRtQuantizationPerTensor* quantization);
int LiteRtGetCompiledModelInputBufferRequirements(LiteRtCompiledModel, size_t signature,
                                                  size_t index, LiteRtTensorBufferRequirements*);
int LiteRtGetCompiledModelOutputBufferRequirements(LiteRtCompiledModel, size_t signature,
                                                   size_t index, LiteRtTensorBufferRequirements*);
int LiteRtCreateManagedTensorBufferFromRequirements(LiteRtEnvironment,
                                                    const LiteRtRankedTensorType*,
                                                    LiteRtTensorBufferRequirements,
                                                    LiteRtTensorBuffer* buffer);
int LiteRtLockTensorBuffer(LiteRtTensorBuffer buffer, void** address, int mode);
int LiteRtUnlockTensorBuffer(LiteRtTensorBuffer buffer);
int LiteRtRunCompiledModel(LiteRtCompiledModel, size_t signature, size_t inputs,
                           LiteRtTensorBuffer* input, size_t outputs, LiteRtTensorBuffer* output);
}

#endif
