# signet_proto(NAME ca_proto ROOT dir PROTOS a.proto … [GRPC] [DEPS other_proto])
#
# Generates message classes (target NAME) and, with GRPC, client stubs (target NAME_grpc) from .proto files whose
# import root is ROOT. Generated code is not held to our warnings and lives in the build tree only. The servers of
# Signet do not use the generated service classes: core/rpc serves them (see docs/architecture.md).
function(signet_proto)
  cmake_parse_arguments(P "GRPC" "NAME;ROOT" "PROTOS;DEPS" ${ARGN})
  get_filename_component(root ${P_ROOT} ABSOLUTE)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${P_NAME}.gen)
  file(MAKE_DIRECTORY ${out})
  set(includes -I${root})
  foreach(dep ${P_DEPS})
    get_target_property(dep_root ${dep} SIGNET_PROTO_ROOT)
    list(APPEND includes -I${dep_root})
  endforeach()
  set(messages)
  set(stubs)
  foreach(proto ${P_PROTOS})
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(message_files ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    add_custom_command(OUTPUT ${message_files}
      COMMAND protobuf::protoc ${includes} --cpp_out=${out} ${root}/${proto}
      DEPENDS ${root}/${proto} VERBATIM)
    list(APPEND messages ${message_files})
    if(P_GRPC)
      set(stub_files ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
      add_custom_command(OUTPUT ${stub_files}
        COMMAND protobuf::protoc ${includes} --grpc_out=${out}
                --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin> ${root}/${proto}
        DEPENDS ${root}/${proto} VERBATIM)
      list(APPEND stubs ${stub_files})
    endif()
  endforeach()
  add_library(${P_NAME} STATIC ${messages})
  set_target_properties(${P_NAME} PROPERTIES SIGNET_PROTO_ROOT ${root})
  target_include_directories(${P_NAME} SYSTEM PUBLIC $<BUILD_INTERFACE:${out}>)
  target_link_libraries(${P_NAME} PUBLIC protobuf::libprotobuf ${P_DEPS})
  if(P_GRPC)
    add_library(${P_NAME}_grpc STATIC ${stubs})
    set(dep_stubs)
    foreach(dep ${P_DEPS})
      if(TARGET ${dep}_grpc)
        list(APPEND dep_stubs ${dep}_grpc)
      endif()
    endforeach()
    target_link_libraries(${P_NAME}_grpc PUBLIC ${P_NAME} ${dep_stubs} gRPC::grpc++)
  endif()
endfunction()
