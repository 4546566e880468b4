// What the fuzz targets share: arguments from bytes, memory that ends where it says, and failing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "edgeseg.h"

namespace fuzz {

// Gives numbers out of the fuzzer's bytes; zeros once they are used up.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  template <typename T>
  T take() {
    T value{};
    const size_t count = size_ < sizeof value ? size_ : sizeof value;
    if (count > 0) std::memcpy(&value, data_, count);
    data_ += count;
    size_ -= count;
    return value;
  }

  int below(int end) { return static_cast<int>(take<uint16_t>() % static_cast<unsigned>(end)); }
  bool one_in(int count) { return below(count) == count - 1; }

  // Mostly an ordinary number; now and then any bits at all.
  double real(double most) { return one_in(8) ? take<double>() : most * below(4097) / 4096.0; }

  void fill(void* memory, size_t size) {
    for (size_t n = 0; n < size; n += sizeof(uint32_t)) {
      const uint32_t value = size_ > 0 ? take<uint32_t>() : static_cast<uint32_t>(n * 2654435761u);
      std::memcpy(static_cast<uint8_t*>(memory) + n, &value,
                  size - n < sizeof value ? size - n : sizeof value);
    }
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

// Memory of exactly so many bytes, so that the address sanitizer sees one more.
class Memory {
 public:
  explicit Memory(size_t size) : bytes_(new uint8_t[size]()), size_(size) {}

  uint8_t* data() const { return bytes_.get(); }
  size_t size() const { return size_; }
  bool operator==(const Memory& other) const {
    return size_ == other.size_ && std::memcmp(data(), other.data(), size_) == 0;
  }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_;
};

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

inline void expect(bool fine, const char* what) {
  if (!fine) fail(what);
}

// A refusal must say why, in a text that ends where its memory does.
class Text {
 public:
  char* data() { return text_; }
  size_t size() const { return sizeof text_; }
  void check(edgeseg_status status) const {
    expect(std::memchr(text_, 0, sizeof text_) != nullptr, "the error text does not end");
    expect((text_[0] == '\0') == (status == EDGESEG_OK), "a status and its text disagree");
  }

 private:
  char text_[64] = "";
};

// Calls `run(out)` for each set of kernels of this machine; all must do the same to `out`.
template <typename Run>
void compare_kernels(size_t out_size, const Run& run) {
  std::unique_ptr<Memory> first;
  edgeseg_status first_status = EDGESEG_OK;
  for (int n = 0; const char* name = edgeseg_kernels_at(n); ++n) {
    expect(edgeseg_set_kernels(name, nullptr, 0) == EDGESEG_OK, "no kernels");
    auto out = std::make_unique<Memory>(out_size);
    Text text;
    const edgeseg_status status = run(out->data(), &text);
    text.check(status);
    if (first == nullptr) {
      first = std::move(out);
      first_status = status;
    } else {
      expect(status == first_status, "kernels differ in their status");
      expect(*out == *first, "kernels differ in their result");
    }
  }
}

void decode(Input* input);
void prepare(Input* input);
void overlay(Input* input);

}  // namespace fuzz
