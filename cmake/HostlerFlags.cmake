# One target carries every flag of the house: hostler_flags.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "GCC ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutines (double frees at run time, without a warning). "
    "Use clang 19 (`./dev deps` installs it; the presets choose it) or GCC 13 or newer.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(fmt REQUIRED)
find_package(PkgConfig REQUIRED)

# -O1 keeps the everyday build quick to make and quick enough to run; -g1 is enough for stacks.
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
# What nobody calls is left out, and functions that came out the same are kept once: text that is not there is not in memory.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG -ffunction-sections -fdata-sections")

add_library(hostler_flags INTERFACE)
target_compile_options(hostler_flags INTERFACE
  # One kind of code for programs and modules, so that one precompiled header serves both.
  -fPIC -Wall -Wextra -Werror -Wno-missing-field-initializers -Wno-deprecated-declarations -fno-omit-frame-pointer -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(hostler_flags INTERFACE -Wthread-safety)
endif()
target_compile_definitions(hostler_flags INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_REGEX FMT_SHARED SPDLOG_SHARED_LIB SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL
  HOSTLER_VERSION="${PROJECT_VERSION}")
target_include_directories(hostler_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
target_link_libraries(hostler_flags INTERFACE Threads::Threads Boost::json fmt::fmt)
target_link_options(hostler_flags INTERFACE -fuse-ld=mold -Wl,--as-needed $<$<CONFIG:Release>:-Wl,--gc-sections,--icf=safe>)

if(HOSTLER_SANITIZE)
  target_compile_options(hostler_flags INTERFACE -fsanitize=${HOSTLER_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(hostler_flags INTERFACE -fsanitize=${HOSTLER_SANITIZE})
  if(HOSTLER_SANITIZE MATCHES undefined)
    # Its look at an object's type needs a pipe, and calls every object wrong where tests leave no descriptors.
    target_compile_options(hostler_flags INTERFACE -fno-sanitize=vptr)
    target_link_options(hostler_flags INTERFACE -frtlib-add-rpath)
  endif()
else()
  target_compile_definitions(hostler_flags INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
endif()

# The headers that nearly every file needs, compiled once. A room still names what it uses: the arrow test reads the text.
if(HOSTLER_PCH)
  add_library(hostler_pch OBJECT ${PROJECT_SOURCE_DIR}/cmake/pch.cc)
  target_link_libraries(hostler_pch PRIVATE hostler_flags)
  target_compile_options(hostler_pch PRIVATE $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>)
  target_precompile_headers(hostler_pch PRIVATE
    <algorithm> <array> <atomic> <chrono> <cstdint> <expected> <filesystem> <functional> <map> <memory> <mutex> <optional>
    <set> <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector>
    <boost/asio.hpp> <boost/describe.hpp> <boost/json.hpp> <boost/mp11.hpp> <fmt/format.h>)
endif()

function(hostler_use_pch target)
  if(HOSTLER_PCH)
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>)
    target_precompile_headers(${target} REUSE_FROM hostler_pch)
  endif()
endfunction()
