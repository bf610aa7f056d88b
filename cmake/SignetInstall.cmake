# What `cmake --install --component client` gives: the client library with its headers, and a CMake package, so that
# another project says find_package(Signet CONFIG) and links Signet::client. Static libraries; the gRPC library and
# OpenSSL come from the system.
include(CMakePackageConfigHelpers)

set_target_properties(workload_api_client PROPERTIES EXPORT_NAME client)
set_target_properties(workload_api_client_grpc PROPERTIES EXPORT_NAME client_grpc)
install(TARGETS workload_api_client workload_api_client_grpc core_crypto core_spiffe core_base
                spiffe_workload_proto spiffe_workload_proto_grpc
  EXPORT SignetTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client)
set(signet_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Signet)
install(EXPORT SignetTargets NAMESPACE Signet:: DESTINATION ${signet_package_dir} COMPONENT client)

# Headers of the contract alone: not the logger, which would make its users need spdlog, nor what is internal.
foreach(header
    core/base/bytes.h core/base/check.h core/base/clock.h core/base/encoding.h core/base/result.h core/base/secret.h
    core/base/unique_fd.h
    core/spiffe/bundle.h core/spiffe/spiffe_id.h core/spiffe/trust_domain.h
    core/crypto/certificate.h core/crypto/key.h core/crypto/pem.h core/crypto/x509_svid.h
    workload-api/client/authorizer.h workload-api/client/connections.h workload-api/client/endpoint.h
    workload-api/client/grpc_channel.h workload-api/client/grpc_server.h
    workload-api/client/identity_watch.h workload-api/client/resumption.h workload-api/client/ticker.h
    workload-api/client/tls.h workload-api/client/x509_context.h workload-api/client/x509_source.h)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES ${CMAKE_SOURCE_DIR}/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/signet/${folder}
    COMPONENT client)
endforeach()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/SignetConfig.cmake.in
  ${CMAKE_BINARY_DIR}/SignetConfig.cmake INSTALL_DESTINATION ${signet_package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/SignetConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/SignetConfig.cmake ${CMAKE_BINARY_DIR}/SignetConfigVersion.cmake
  DESTINATION ${signet_package_dir} COMPONENT client)

# The same for builds without CMake: pkg-config --cflags --libs signet-client.
file(RELATIVE_PATH SIGNET_PC_PREFIX /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(${CMAKE_CURRENT_LIST_DIR}/signet-client.pc.in ${CMAKE_BINARY_DIR}/signet-client.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/signet-client.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT client)
