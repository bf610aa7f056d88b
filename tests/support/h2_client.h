#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/unique_fd.h"

struct nghttp2_session;
struct ssl_st;
struct ssl_ctx_st;

namespace signet::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// H2Reply is what has come back on one stream.
struct H2Reply {
  Headers headers;   ///< of the response and its trailers together
  std::string data;  ///< DATA bytes, gRPC prefixes included
  bool ended = false;
  bool closed = false;
  std::uint32_t error = 0;  ///< RST_STREAM code, if closed by one

  std::string Header(const std::string& name) const;
  /// Messages cuts data by gRPC's prefixes.
  std::vector<std::string> Messages() const;
  int grpc_status() const {
    return Header("grpc-status").empty() ? -1 : std::stoi(Header("grpc-status"));
  }
};

/// Framed puts gRPC's prefix before a message.
std::string Framed(const std::string& message, char flag = 0);

/// H2TlsOptions for a TLS client: empty ALPN sends none; the certificate and its PKCS#8 key are
/// DER.
struct H2TlsOptions {
  std::string alpn = "h2";
  Bytes certificate = {};
  Bytes key = {};
  int max_version = 0;  ///< e.g. TLS1_1_VERSION; 0: newest
};

/// H2Client is a small blocking HTTP/2 client of one thread, on libnghttp2: TSan can judge what it
/// talks to.
class H2Client {
 public:
  /// Null if the connection (or the handshake) fails.
  static std::unique_ptr<H2Client> Unix(const std::string& path);
  static std::unique_ptr<H2Client> Tls(std::uint16_t port, const H2TlsOptions& options = {});
  ~H2Client();

  /// Start opens a gRPC call; extra headers are added, a header of the same name is replaced, an
  /// empty value removes.
  std::int32_t Start(const std::string& method, const Headers& extra = {});
  /// Open opens a stream with these fields as they are (but names in lower case); `end`: no body.
  std::int32_t Open(Headers headers, bool end = false);
  /// SendHeaders sends a second header block on a stream.
  void SendHeaders(std::int32_t id, Headers headers, bool end);
  void Send(std::int32_t id, const std::string& bytes, bool end);
  void Reset(std::int32_t id, std::uint32_t error);
  /// HoldWindows: from now on answers are received but their windows are not given back.
  void HoldWindows();

  /// Until reads and writes until the condition holds; false after the timeout or when the
  /// connection ends.
  bool Until(const std::function<bool()>& condition,
             std::chrono::milliseconds timeout = std::chrono::seconds(20));
  bool UntilEnded(std::int32_t id);
  bool UntilClosed();  ///< the server closed the connection
  const H2Reply& reply(std::int32_t id) { return replies_[id]; }

  /// Call makes one unary call.
  H2Reply Call(const std::string& method, const std::string& message, const Headers& extra = {});

  bool closed() const { return closed_; }
  bool goaway() const { return goaway_; }
  std::uint32_t goaway_error() const { return goaway_error_; }
  int pings() const { return pings_; }
  /// got_resumable_session: the server gave a ticket or a session id that could be used again
  bool got_resumable_session() const { return got_session_; }
  Bytes server_certificate() const;
  int fd() const { return socket_.get(); }
  /// Pump moves bytes once, waiting at most `wait`.
  bool Pump(std::chrono::milliseconds wait);

 private:
  friend struct H2Hooks;
  bool StartTls(const H2TlsOptions& options);
  H2Client() = default;
  void Init();
  bool ReadOnce();
  bool WriteAll();

  struct Upload {
    std::string bytes;
    bool end = false;
  };
  UniqueFd socket_;
  std::shared_ptr<ssl_ctx_st> ctx_;
  std::shared_ptr<ssl_st> ssl_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, H2Reply> replies_;
  std::map<std::int32_t, Upload> uploads_;
  std::string unsent_;
  bool closed_ = false;
  bool goaway_ = false;
  bool got_session_ = false;
  bool hold_windows_ = false;
  std::uint32_t goaway_error_ = 0;
  int pings_ = 0;
};

}  // namespace signet::test
