#include "workload-api/sds/wire.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/encoding.h"
#include "core/base/secret.h"
#include "core/crypto/hash.h"
#include "envoy/service/discovery/v3/discovery.pb.h"

namespace signet::sds {
namespace {

using namespace envoy::service::discovery::v3;

constexpr std::size_t kMaxRefusalBytes = 512;
constexpr std::size_t kVersionBytes = 16;
constexpr char kControlPlane[] = "signet-agent";

/// ReadCommon reads what both requests have.
template <class Request>
Ask ReadCommon(const Request& request) {
  Ask ask{.type_url = request.type_url(), .nonce = request.response_nonce()};
  if (request.has_node()) {
    ask.client = ReadClient(request.node());
  }
  // A refusal is known by its detail alone: versions say nothing of it.
  if (request.has_error_detail()) {
    ask.refusal = CutText(request.error_detail().message(), kMaxRefusalBytes);
  }
  return ask;
}

template <class Request>
Result<Request> Parse(std::string_view message) {
  Request request;
  if (!request.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return InvalidArgument("request message does not parse");
  }
  return request;
}

template <class Names>
std::vector<std::string> ToVector(const Names& names) {
  return {names.begin(), names.end()};
}

/// WorldVersion is the version of a whole answer: that of its secret, or of all of theirs together.
std::string WorldVersion(const Answer& answer) {
  if (answer.items.size() == 1) {
    return answer.items[0].resource.version;
  }
  std::string all;
  for (const Answer::Item& item : answer.items) {
    all += item.name + '\n' + item.resource.version + '\n';
  }
  return VersionOf(all);
}

void SetAny(google::protobuf::Any& any, const Resource& resource) {
  any.set_type_url(std::string(kSecretType));
  any.set_value(*resource.secret);
}

std::shared_ptr<const std::string> WriteSotw(const Answer& answer) {
  DiscoveryResponse response;
  response.set_version_info(WorldVersion(answer));
  response.set_type_url(std::string(kSecretType));
  response.set_nonce(answer.nonce);
  response.mutable_control_plane()->set_identifier(kControlPlane);
  for (const Answer::Item& item : answer.items) {
    SetAny(*response.add_resources(), item.resource);
  }
  auto bytes = Serialize(response);
  for (auto& any : *response.mutable_resources()) {
    WipeText(*any.mutable_value());
  }
  return bytes;
}

std::shared_ptr<const std::string> WriteDelta(const Answer& answer) {
  DeltaDiscoveryResponse response;
  response.set_system_version_info(WorldVersion(answer));
  response.set_type_url(std::string(kSecretType));
  response.set_nonce(answer.nonce);
  response.mutable_control_plane()->set_identifier(kControlPlane);
  for (const Answer::Item& item : answer.items) {
    auto& resource = *response.add_resources();
    resource.set_name(item.name);
    resource.set_version(item.resource.version);
    SetAny(*resource.mutable_resource(), item.resource);
  }
  for (const std::string& name : answer.removed) {
    response.add_removed_resources(name);
  }
  auto bytes = Serialize(response);
  for (auto& resource : *response.mutable_resources()) {
    WipeText(*resource.mutable_resource()->mutable_value());
  }
  return bytes;
}

}  // namespace

Result<Ask> ParseAsk(Variant variant, std::string_view message) {
  if (variant == Variant::kSotw) {
    SIGNET_TRY_ASSIGN(const auto request, Parse<DiscoveryRequest>(message));
    Ask ask = ReadCommon(request);
    ask.names = ToVector(request.resource_names());
    return ask;
  }
  SIGNET_TRY_ASSIGN(const auto request, Parse<DeltaDiscoveryRequest>(message));
  Ask ask = ReadCommon(request);
  ask.names = ToVector(request.resource_names_subscribe());
  ask.unsubscribe = ToVector(request.resource_names_unsubscribe());
  ask.have = {request.initial_resource_versions().begin(),
              request.initial_resource_versions().end()};
  return ask;
}

std::shared_ptr<const std::string> WriteAnswer(Variant variant, const Answer& answer) {
  return variant == Variant::kSotw ? WriteSotw(answer) : WriteDelta(answer);
}

std::shared_ptr<const std::string> Serialize(const google::protobuf::MessageLite& message) {
  std::shared_ptr<std::string> bytes(new std::string(message.ByteSizeLong(), '\0'),
                                     [](std::string* wiped) {
                                       WipeText(*wiped);
                                       delete wiped;
                                     });
  SIGNET_CHECK(message.SerializeToArray(bytes->data(), static_cast<int>(bytes->size())),
               "a message did not fit the size that it told");
  return bytes;
}

void WipeText(std::string& text) {
  WipeBytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

std::string VersionOf(std::string_view content) {
  return HexEncode(ByteView(crypto::Sha256(AsBytes(content))).first(kVersionBytes));
}

}  // namespace signet::sds
