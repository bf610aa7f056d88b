#include "tests/support/kubernetes/client.h"

#include <curl/curl.h>

namespace signet::test {
namespace {

std::size_t Append(const char* data, std::size_t size, std::size_t count, void* out) {
  static_cast<std::string*>(out)->append(data, size * count);
  return size * count;
}

}  // namespace

struct HttpsClient::Impl {
  CURL* curl = curl_easy_init();
  ~Impl() { curl_easy_cleanup(curl); }
};

HttpsClient::HttpsClient(const Credential& credential) : impl_(std::make_unique<Impl>()) {
  CURL* const curl = impl_->curl;
  curl_easy_setopt(curl, CURLOPT_CAINFO, credential.ca_file.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "signet-test");
  if (!credential.client.empty()) {
    curl_easy_setopt(curl, CURLOPT_SSLCERT, (credential.client + ".pem").c_str());
    curl_easy_setopt(curl, CURLOPT_SSLKEY, (credential.client + ".key").c_str());
  }
}

HttpsClient::~HttpsClient() = default;

HttpsClient::Answer HttpsClient::Do(const Request& request) {
  CURL* const curl = impl_->curl;
  Answer answer;
  curl_slist* headers = curl_slist_append(nullptr, "Expect:");
  for (const std::string& header : request.headers) {
    headers = curl_slist_append(headers, header.c_str());
  }
  // POSTFIELDS makes it a POST, so the method comes after.
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
  } else {
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  const CURLcode code = curl_easy_perform(curl);
  curl_slist_free_all(headers);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_OK) {
    answer.status = static_cast<int>(status);
  } else {
    answer.body = std::string(curl_easy_strerror(code)) + "\n" + answer.body;
  }
  return answer;
}

}  // namespace signet::test
