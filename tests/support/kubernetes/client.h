#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace signet::test {

/// HttpsClient is one kept connection, by libcurl: it shares no code with the product's client.
class HttpsClient {
 public:
  struct Credential {
    std::string ca_file;
    std::string client = {};  ///< <client>.pem and <client>.key; empty: none
  };
  explicit HttpsClient(const Credential& credential);
  ~HttpsClient();

  struct Request {
    std::string method = "GET";
    std::string url;
    std::string body = {};
    std::vector<std::string> headers = {};
    std::chrono::milliseconds timeout{10'000};
  };
  struct Answer {
    int status = 0;  ///< 0: no answer, `body` says why
    std::string body = {};
  };
  Answer Do(const Request& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace signet::test
