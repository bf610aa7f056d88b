#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace signet::rpc {

/// RequestRules judges one request as RFC 9113 §8.1 to §8.5 asks of a server that is no proxy. We
/// judge ourselves, nghttp2's own judgement being off, for the sake of one field: gRPC-Java on a
/// Unix socket sends the socket's path as `:authority`, and nghttp2 refuses it, as it does an empty
/// or absent one. Nothing here reads `:authority`, so any field value may stand there. All else is
/// at least as strict as in nghttp2.
///
/// Every member says whether the request is well-formed so far. After the first `false` the stream
/// is to be reset with PROTOCOL_ERROR and the rest of it dropped.
class RequestRules {
 public:
  /// Field takes the next field, of the head or, after HeadersEnd, of the trailers.
  bool Field(std::string_view name, std::string_view value);
  /// HeadersEnd: the head is complete or, the second time, the trailers. `last`: with END_STREAM.
  bool HeadersEnd(bool last);
  /// Data takes the next n bytes of the body, without padding.
  bool Data(std::size_t n);
  /// RequestEnd: END_STREAM has come.
  bool RequestEnd() const;

 private:
  /// What has been seen: the fields that may come once, and facts about their values.
  enum Seen : unsigned {
    kMethod = 1,
    kScheme = 2,
    kPath = 4,
    kAuthority = 8,
    kHost = 16,
    kLength = 32,
    kOptions = 64,    ///< :method is OPTIONS
    kAsterisk = 128,  ///< :path is "*"
    kRegular = 256,   ///< a field that is no pseudo-header
    kHead = 512,      ///< the end of the head
  };
  bool Has(unsigned facts) const { return (seen_ & facts) == facts; }
  bool Once(Seen field);
  bool Pseudo(std::string_view name, std::string_view value);
  bool Method(std::string_view value);
  bool Path(std::string_view value);
  bool Regular(std::string_view name, std::string_view value);
  bool Length(std::string_view value);

  unsigned seen_ = 0;
  std::uint64_t received_ = 0;
  std::optional<std::uint64_t> announced_;  ///< content-length
};

}  // namespace signet::rpc
