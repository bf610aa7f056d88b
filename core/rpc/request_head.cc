#include "core/rpc/request_head.h"

#include "core/rpc/grpc_text.h"

namespace signet::rpc {
namespace {

constexpr std::size_t kFieldOverhead = 32;  // RFC 9113 §6.5.2

}  // namespace

void RequestHead::Fail(Code code, std::string message) {
  if (error.code == Code::kOk) {
    error = {code, std::move(message)};
  }
}

void RequestHead::Add(std::string_view name, std::string_view value, std::size_t max_bytes) {
  bytes += name.size() + value.size() + kFieldOverhead;
  if (bytes > max_bytes) {
    Fail(Code::kResourceExhausted,
         "request headers are over the limit of " + std::to_string(max_bytes) + " bytes");
    return;
  }
  if (name == ":method") {
    post = value == "POST";
  } else if (name == ":path") {
    path = value;
  } else if (name == "content-type") {
    grpc = IsGrpcContentType(value);
  } else if (name == "grpc-encoding") {
    encoding_named = value != "identity";
  } else if (name == "grpc-timeout") {
    const Result<Duration> parsed = ParseTimeout(value);
    if (parsed.ok()) {
      timeout = *parsed;
    } else {
      Fail(Code::kInternal, parsed.error().message);
    }
  } else if (!name.starts_with(':') && name != "te" && name != "grpc-accept-encoding") {
    AddMetadata(name, value);
  }
}

void RequestHead::AddMetadata(std::string_view name, std::string_view value) {
  if (!name.ends_with("-bin")) {
    metadata.Add(std::string(name), std::string(value));
    return;
  }
  Result<std::vector<std::string>> values = DecodeBinary(value);
  if (!values.ok()) {
    Fail(Code::kInternal, "metadata " + std::string(name) + " is not base64");
    return;
  }
  for (std::string& one : *values) {
    metadata.Add(std::string(name), std::move(one));
  }
}

}  // namespace signet::rpc
