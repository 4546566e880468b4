# The C library: libedgeseg, its one header, and how CMake and pkg-config find them. The Python
# wheel takes none of it.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

option(BUILD_SHARED_LIBS "Make libedgeseg a shared library" ON)

get_target_property(sources edgeseg_core SOURCES)
add_library(edgeseg ${sources})
add_library(edgeseg::edgeseg ALIAS edgeseg)
target_include_directories(
  edgeseg PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/native>
                 $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_options(edgeseg PRIVATE ${EDGESEG_OPTIONS})
target_compile_definitions(edgeseg PRIVATE ${FAMILY})
target_link_libraries(edgeseg PRIVATE Threads::Threads)
# Before 1.0 a new minor version may change the interface.
set_target_properties(
  edgeseg PROPERTIES VERSION ${PROJECT_VERSION}
                     SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

set(EDGESEG_PC_LIBS "")
if(BUILD_SHARED_LIBS AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
  # The header's functions and nothing else, not even what the C++ library leaves behind.
  set(map ${PROJECT_SOURCE_DIR}/cmake/edgeseg.map)
  target_link_options(edgeseg PRIVATE LINKER:--version-script=${map})
  set_target_properties(edgeseg PROPERTIES LINK_DEPENDS ${map})
elseif(NOT BUILD_SHARED_LIBS)
  # A C program that takes the archive needs the C++ library beside it.
  set(EDGESEG_PC_LIBS "-lstdc++ -pthread")
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND APPLE)
    set(EDGESEG_PC_LIBS "-lc++ -pthread")
  endif()
endif()

install(TARGETS edgeseg EXPORT edgeseg)
install(FILES native/edgeseg.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/edgeseg)
install(
  EXPORT edgeseg
  NAMESPACE edgeseg::
  FILE edgesegTargets.cmake
  DESTINATION ${package})
configure_package_config_file(cmake/edgesegConfig.cmake.in edgesegConfig.cmake
                              INSTALL_DESTINATION ${package})
write_basic_package_version_file(edgesegConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/edgesegConfig.cmake
              ${PROJECT_BINARY_DIR}/edgesegConfigVersion.cmake DESTINATION ${package})

# Relative to the file itself, so that the prefix may be chosen, or moved, later.
set(folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH EDGESEG_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
     ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/edgeseg.pc.in edgeseg.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/edgeseg.pc DESTINATION ${folder})
