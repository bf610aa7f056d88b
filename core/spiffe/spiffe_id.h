#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/spiffe/trust_domain.h"

namespace signet::spiffe {

/// kMaxIdBytes bounds a whole ID, scheme included (ID-13, ID-14).
inline constexpr std::size_t kMaxIdBytes = 2048;

/// SpiffeId is "spiffe://<trust domain><path>"; the path is empty or "/seg/seg", without empty, "." or ".." segments
/// (SPIFFE-ID §2, rows ID-01 … ID-16). Value type: an object that exists is valid, and compares byte for byte.
class SpiffeId {
 public:
  /// Parse is the only way from text. INVALID_ARGUMENT says which rule was broken.
  static Result<SpiffeId> Parse(std::string_view text);
  /// FromParts joins a trust domain and a path ("" or "/…").
  static Result<SpiffeId> FromParts(const TrustDomain& trust_domain, std::string_view path);

  const TrustDomain& trust_domain() const { return trust_domain_; }
  const std::string& path() const { return path_; }
  std::string ToString() const { return trust_domain_.id() + path_; }

  bool has_path() const { return !path_.empty(); }
  /// is_reserved: the path is /spire or lies below it; such IDs belong to servers and agents, never to workloads.
  bool is_reserved() const { return path_ == "/spire" || path_.starts_with("/spire/"); }
  /// is_agent: the path lies below /spire/agent/.
  bool is_agent() const { return path_.starts_with("/spire/agent/"); }
  /// is_server: exactly /spire/server.
  bool is_server() const { return path_ == "/spire/server"; }

  friend auto operator<=>(const SpiffeId&, const SpiffeId&) = default;

 private:
  SpiffeId(TrustDomain trust_domain, std::string path)
      : trust_domain_(std::move(trust_domain)), path_(std::move(path)) {}
  TrustDomain trust_domain_;
  std::string path_;
};

/// ValidatePath checks a path alone: "" is fine, else "/" and non-empty segments of [A-Za-z0-9.-_].
Status ValidatePath(std::string_view path);

}  // namespace signet::spiffe
