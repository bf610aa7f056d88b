# signet_room(NAME core_spiffe SRCS a.cc b.cc DEPS core_base [PRIVATE_DEPS OpenSSL::Crypto] [SMALL])
#
# SMALL: built for size in the release, since it runs seldom and its pages count in the memory of an idle program.
#
# Declares a room: one folder, one static library, one namespace. DEPS are rooms whose headers this room's own
# headers may include; PRIVATE_DEPS are libraries that only its sources see, so that third-party headers never
# travel. The arrows between rooms are listed in tests/arrows/arrows.txt and checked by a test.
function(signet_room)
  cmake_parse_arguments(ROOM "SMALL" "NAME" "SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
  if(ROOM_SRCS)
    add_library(${ROOM_NAME} STATIC ${ROOM_SRCS})
    target_include_directories(${ROOM_NAME} PUBLIC
      $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/signet>)
    target_link_libraries(${ROOM_NAME} PUBLIC ${ROOM_DEPS} PRIVATE ${ROOM_PRIVATE_DEPS}
      $<BUILD_INTERFACE:signet_warnings>)
    if(ROOM_SMALL AND SIGNET_HARDEN)
      target_compile_options(${ROOM_NAME} PRIVATE -Os)
    endif()
  else()
    add_library(${ROOM_NAME} INTERFACE)
    target_include_directories(${ROOM_NAME} INTERFACE
      $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/signet>)
    target_link_libraries(${ROOM_NAME} INTERFACE ${ROOM_DEPS})
  endif()
  add_library(signet::${ROOM_NAME} ALIAS ${ROOM_NAME})
endfunction()
