#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/kubernetes/stub/http.h"

namespace signet::test::kube {

std::string Base64Url(std::string_view bytes);
std::optional<std::string> FromBase64Url(std::string_view text);
std::string Sha256(std::string_view bytes);
/// A random UUID, version 4.
std::string NewUid();

/// KeyRing holds the keys of service account tokens, by textbook OpenSSL calls: the newest signs,
/// all verify. RSA gives RS256, P-256 gives ES256.
class KeyRing {
 public:
  KeyRing();
  ~KeyRing();
  void Add(const std::string& private_pem);
  /// Rotate adds a fresh key of the same type as the newest.
  void Rotate();
  std::vector<std::string> Export() const;  ///< PEM, oldest first

  std::string Sign(const Json& claims) const;
  /// Knows: a token that says it is signed by one of the keys and that comes from us.
  bool Knows(const std::string& token) const;
  /// The claims of a token that one of the keys has signed.
  std::optional<Json> Verify(const std::string& token) const;
  Json Jwks() const;
  Json Algorithms() const;

 private:
  struct Key;
  struct Parts {
    Json header;
    Json claims;
    std::string signature;
    std::size_t signed_size;  ///< of the token's beginning that is signed
  };
  static std::optional<Parts> Split(const std::string& token);
  const Key* Find(const Json& header) const;

  std::vector<std::unique_ptr<Key>> keys_;
};

}  // namespace signet::test::kube
