# Language level, warnings, hardening and sanitizers: the same for every target of the tree.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(SIGNET_CCACHE ccache)
if(SIGNET_CCACHE)
  # The tests share a precompiled header: ccache hashes its bytes, and wants to be told that this is what we mean. Depend
  # mode spares a build with an empty cache a run of the preprocessor for each file, an eighth of its time.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=true
    ${SIGNET_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${SIGNET_CCACHE})
endif()

add_library(signet_warnings INTERFACE)
target_compile_options(signet_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wimplicit-fallthrough -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND SIGNET_SANITIZE)
  # g++ 12 reports false -Wmaybe-uninitialized and friends once sanitizers rewrite the control flow.
  target_compile_options(signet_warnings INTERFACE -Wno-maybe-uninitialized -Wno-return-type)
endif()

# For code that is not ours (generated, Catch2's main): the sanitizers do not judge it and would double the build's time.
set(SIGNET_UNJUDGED)
if(SIGNET_SANITIZE)
  set(SIGNET_UNJUDGED -fno-sanitize=all -O0)
  if(SIGNET_SANITIZE STREQUAL "thread")
    # One copy of each inline function survives linking. If it is an unjudged one, ThreadSanitizer does not see what it
    # synchronises (the count of a shared_ptr) and reports races that are none.
    set(SIGNET_UNJUDGED -O0)
  endif()
  add_compile_options(-fsanitize=${SIGNET_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SIGNET_SANITIZE})
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()
# Half the time of GNU ld for binaries full of debug information. What is released is linked by the latter.
find_program(SIGNET_GOLD ld.gold)
if(SIGNET_GOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT SIGNET_HARDEN)
  add_link_options(-fuse-ld=gold)
endif()
if(SIGNET_FUZZ)
  # Fuzzing lives from speed. The tests do not: g++ takes three times as long for -O1 with sanitizers as for -O0.
  add_compile_options(-O1)
endif()
if(SIGNET_COVERAGE)
  add_compile_options(--coverage -O0)
  add_link_options(--coverage)
endif()
if(SIGNET_HARDEN)
  include(CheckPIESupported)
  check_pie_supported()
  add_compile_options(-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    add_compile_options(-fcf-protection)
  endif()
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
  # What no program calls (most of it generated message classes) stays out of it, and so out of memory.
  add_compile_options(-ffunction-sections -fdata-sections)
  add_link_options(-Wl,--gc-sections)
endif()
if(SIGNET_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
