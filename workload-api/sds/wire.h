#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "workload-api/sds/client.h"
#include "workload-api/sds/secrets.h"

namespace google::protobuf {
class MessageLite;
}

namespace signet::sds {

inline constexpr std::string_view kSecretType =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/// Variant is one of the two protocols: StreamSecrets' state of the world, or DeltaSecrets.
enum class Variant { kSotw, kDelta };

/// Ask is a request of either variant.
struct Ask {
  std::string type_url = {};
  std::optional<Client> client = {};          ///< only the first request is sure to carry one
  std::vector<std::string> names = {};        ///< SotW: all that are wanted; delta: subscribed to
  std::vector<std::string> unsubscribe = {};  ///< delta
  std::map<std::string, std::string> have = {};  ///< delta: versions from before a reconnect
  std::string nonce = {};
  std::optional<std::string> refusal = {};  ///< NACK: what the client says of it, cut to 512 bytes
};

/// ParseAsk reads a request; INVALID_ARGUMENT if it does not parse.
Result<Ask> ParseAsk(Variant variant, std::string_view message);

/// Answer is a response of either variant.
struct Answer {
  struct Item {
    std::string name;
    Resource resource;
  };
  std::vector<Item> items = {};
  std::vector<std::string> removed = {};  ///< delta
  std::string nonce = {};
};

/// WriteAnswer serializes; the bytes are wiped when the last holder lets go.
std::shared_ptr<const std::string> WriteAnswer(Variant variant, const Answer& answer);

/// Serialize gives bytes that are wiped when the last holder lets go.
std::shared_ptr<const std::string> Serialize(const google::protobuf::MessageLite& message);
/// WipeText overwrites a string that held a key.
void WipeText(std::string& text);
/// VersionOf hashes content.
std::string VersionOf(std::string_view content);

}  // namespace signet::sds
