# Builds for 64-bit ARM with Debian's cross compiler; `ctest` runs the tests under qemu-user:
#
#   apt install g++-aarch64-linux-gnu qemu-user-static
#   cmake -S . -B build/aarch64 --toolchain cmake/aarch64.cmake -DEDGESEG_TESTS=ON
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
# The libraries of Debian's cross compiler, for the emulated program's loader.
find_program(QEMU NAMES qemu-aarch64-static qemu-aarch64)
if(QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${QEMU} -L /usr/aarch64-linux-gnu)
endif()
