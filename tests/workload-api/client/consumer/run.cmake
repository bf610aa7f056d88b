# cmake -DBUILD_DIR=… -DSOURCE_DIR=… -DCOMPILER=… -DTYPE=… -P run.cmake
# Installs the client component into a fresh prefix, builds the consumer against it and runs it.
set(work ${BUILD_DIR}/consumer_test)
file(REMOVE_RECURSE ${work})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD_DIR} --component client --prefix ${work}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE_DIR} -B ${work}/build -G Ninja -DCMAKE_CXX_COMPILER=${COMPILER}
    -DCMAKE_BUILD_TYPE=${TYPE} -DCMAKE_PREFIX_PATH=${work}/prefix)
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/consumer)

# And without CMake.
file(GLOB_RECURSE package ${work}/prefix/*/signet-client.pc)
cmake_path(GET package PARENT_PATH package_dir)
set(ENV{PKG_CONFIG_PATH} ${package_dir})
execute_process(COMMAND pkg-config --cflags --libs signet-client OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
run(${COMPILER} -std=c++20 ${SOURCE_DIR}/main.cc ${flags} -o ${work}/consumer_by_pkg_config)
run(${work}/consumer_by_pkg_config)
