#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/unique_fd.h"
#include "tests/support/pki.h"

struct ssl_st;
struct ssl_ctx_st;

namespace signet::test {

/// OddRequest is what a client sent.
struct OddRequest {
  std::string head;    ///< request line and headers
  std::string body;    ///< by Content-Length
  std::string client;  ///< common name of its certificate, which anybody may have made
};

/// Piece is written as it is, after the pause.
struct Piece {
  std::string bytes;
  std::chrono::milliseconds pause{};
};

/// OddServer is an HTTP/1.1 server on TLS and loopback whose answers a test writes byte by byte:
/// for what no proper API server does. Its certificate is for 127.0.0.1 and odd.example.
class OddServer {
 public:
  using Handler = std::function<std::vector<Piece>(const OddRequest& request)>;
  explicit OddServer(Handler handler);
  ~OddServer();
  OddServer(const OddServer&) = delete;
  OddServer& operator=(const OddServer&) = delete;

  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }
  std::uint16_t port() const { return port_; }
  std::string ca_pem() const;
  const TestCa& ca() const { return ca_; }
  int connections() const { return connections_; }

 private:
  void Accept();
  void Serve(int socket);
  bool ServeOne(ssl_st* ssl);
  bool WritePieces(ssl_st* ssl, const std::vector<Piece>& pieces);

  Handler handler_;
  TestCa ca_;
  ssl_ctx_st* ctx_ = nullptr;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// HttpReply writes an answer with Content-Length.
std::vector<Piece> HttpReply(int status, const std::string& body, const std::string& headers = {});
/// Chunked writes an answer's head, for chunks to follow; Chunk frames one.
inline constexpr char kChunkedHead[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
std::string Chunk(const std::string& bytes);
inline constexpr char kLastChunk[] = "0\r\n\r\n";

}  // namespace signet::test
