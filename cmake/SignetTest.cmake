# signet_test(NAME core_base_test SRCS a_test.cc … DEPS core_base [LABELS fast] [SKIPPABLE])
#
# One test binary per room, every TEST_CASE its own ctest entry. Catch2's main is compiled once (test_support).
# SKIPPABLE: a case that ends the program with status 77 is skipped, since what it needs is not on this machine.
# `unit_tests` builds all of them that have the label fast, and nothing else: what the sanitizers run.
find_package(Catch2 2 REQUIRED)
include(Catch)
add_custom_target(unit_tests)

function(signet_test)
  cmake_parse_arguments(T "SKIPPABLE" "NAME" "SRCS;DEPS;LABELS" ${ARGN})
  if(SIGNET_FUZZ)
    return()
  endif()
  if(NOT T_LABELS)
    set(T_LABELS fast)
  endif()
  set(skip)
  if(T_SKIPPABLE)
    set(skip SKIP_RETURN_CODE 77)
  endif()
  foreach(source ${T_SRCS})
    file(READ ${source} text)
    # Only for who uses them: a path of this build tree in every command would keep ccache from sharing between trees.
    if(text MATCHES "SIGNET_TEST_DATA|SIGNET_BINARY_DIR|core/crypto/vectors.h|kubelet/wire_pods.h")
      set_property(SOURCE ${source} APPEND PROPERTY COMPILE_DEFINITIONS
        SIGNET_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data" SIGNET_BINARY_DIR="${CMAKE_BINARY_DIR}")
    endif()
    # ctest splits a name at ';' into parts that match no test and pass unseen.
    if(text MATCHES "TEST_CASE\\(\"[^\"]*;")
      message(FATAL_ERROR "${source}: a TEST_CASE name holds a ';', which ctest cannot pass on")
    endif()
  endforeach()
  add_executable(${T_NAME} ${T_SRCS})
  target_link_libraries(${T_NAME} PRIVATE test_support ${T_DEPS} signet_warnings)
  target_compile_options(${T_NAME} PRIVATE -pthread)  # some DEPS bring it; the precompiled header must match
  target_precompile_headers(${T_NAME} REUSE_FROM test_headers)
  if(SIGNET_SANITIZE MATCHES "undefined")
    # Twice the time to compile a file full of assertions, to judge nothing but the assertions.
    target_compile_options(${T_NAME} PRIVATE -fno-sanitize=undefined)
  endif()
  if("fast" IN_LIST T_LABELS)
    add_dependencies(unit_tests ${T_NAME})
  endif()
  # NoTests: a name that ctest mangles on its way (a semicolon in it) must fail and not pass as "no test matched".
  catch_discover_tests(${T_NAME} TEST_PREFIX "${T_NAME}: " EXTRA_ARGS --warn NoTests PROPERTIES LABELS "${T_LABELS}" TIMEOUT 120 ${skip}
    DISCOVERY_MODE PRE_TEST)
endfunction()

# signet_kube_test(NAME kube_x_test SRCS x_test.cc … DEPS attestor_kubernetes)
#
# A signet_test whose cases ask tests/support/kubernetes/backend.h for an API server. Each runs twice: on our stub
# (label fast) and on a real kube-apiserver that the tests of a ctest run share (label kubernetes; skipped where there
# is none). Cases with the tag [stub] run on the stub alone.
function(signet_kube_test)
  cmake_parse_arguments(T "" "NAME" "SRCS;DEPS" ${ARGN})
  if(SIGNET_FUZZ)
    return()
  endif()
  signet_test(NAME ${T_NAME} SRCS ${T_SRCS} DEPS ${T_DEPS} test_kubernetes LABELS fast)
  # OUTPUT_SUFFIX only tells this call from the one in signet_test.
  catch_discover_tests(${T_NAME} TEST_SPEC "~[stub]" TEST_PREFIX "${T_NAME}, real API server: " OUTPUT_SUFFIX real
    EXTRA_ARGS --warn NoTests PROPERTIES LABELS kubernetes TIMEOUT 180 SKIP_RETURN_CODE 77 FIXTURES_REQUIRED kube_real
    ENVIRONMENT "SIGNET_KUBE_REAL=${CMAKE_BINARY_DIR}/kube-real")
endfunction()

# signet_fuzz(NAME spiffe_id SRC spiffe_id_fuzz.cc DEPS core_spiffe)
#
# The source defines LLVMFuzzerTestOneInput and asserts an invariant. Under the fuzz preset this is a libFuzzer
# binary fuzz_NAME; otherwise it is a plain test that replays tests/fuzz/corpus/NAME.
function(signet_fuzz)
  cmake_parse_arguments(F "" "NAME;SRC" "DEPS" ${ARGN})
  if(SIGNET_FUZZ)
    add_executable(fuzz_${F_NAME} ${F_SRC})
    target_link_options(fuzz_${F_NAME} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(fuzz_${F_NAME} PRIVATE ${F_DEPS} signet_warnings)
  else()
    add_executable(replay_${F_NAME} ${F_SRC} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cc)
    target_link_libraries(replay_${F_NAME} PRIVATE ${F_DEPS} signet_warnings)
    add_dependencies(unit_tests replay_${F_NAME})
    add_test(NAME "fuzz corpus: ${F_NAME}" COMMAND replay_${F_NAME} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${F_NAME})
    set_tests_properties("fuzz corpus: ${F_NAME}" PROPERTIES LABELS fast TIMEOUT 120)
  endif()
endfunction()
