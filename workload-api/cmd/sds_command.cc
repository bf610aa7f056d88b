#include "workload-api/cmd/sds_command.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "signet/api/agent/v1/secret_streams.pb.h"

namespace signet::agent_cmd {
namespace {

using api::agent::v1::ListStreamsResponse;
using api::agent::v1::SecretState;
using api::agent::v1::SecretStream;
using nlohmann::json;

/// Dump writes JSON that no text of a client can break or colour.
std::string Dump(const json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
}

/// Quoted gives a client's text on one line, quoted only where it has to be.
std::string Quoted(const std::string& text) {
  const std::string quoted = Dump(text);
  return quoted == '"' + text + '"' && !text.empty() ? text : quoted;
}

json AsJson(const ListStreamsResponse& response) {
  json streams = json::array();
  for (const SecretStream& stream : response.streams()) {
    json secrets = json::array();
    for (const SecretState& secret : stream.secrets()) {
      secrets.push_back({{"name", secret.name()},
                         {"sent", secret.sent()},
                         {"accepted", secret.accepted()},
                         {"refused", secret.refused()},
                         {"refusal", secret.refusal()}});
    }
    streams.push_back({{"pid", stream.pid()},
                       {"uid", stream.uid()},
                       {"node_id", stream.node_id()},
                       {"variant", stream.variant()},
                       {"opened_at", stream.opened_at()},
                       {"secrets", std::move(secrets)}});
  }
  return {{"streams", std::move(streams)}};
}

std::string StateOf(const SecretState& secret) {
  if (!secret.refused().empty()) {
    return "refused " + secret.refused() + ": " + Quoted(secret.refusal());
  }
  if (secret.sent().empty()) {
    return "not served; the agent's log says why";
  }
  return (secret.sent() == secret.accepted() ? "accepted " : "sent, not yet accepted ") +
         secret.sent();
}

void Print(const ListStreamsResponse& response, SystemTime now, std::ostream& out) {
  int refused = 0;
  out << "Open SDS streams: " << response.streams_size() << "\n";
  for (const SecretStream& stream : response.streams()) {
    out << "\npid " << stream.pid() << ", uid " << stream.uid() << ", node "
        << Quoted(stream.node_id()) << ", " << stream.variant() << ", open for "
        << UnixSeconds(now) - stream.opened_at() << " s\n";
    for (const SecretState& secret : stream.secrets()) {
      refused += secret.refused().empty() ? 0 : 1;
      out << "  " << Quoted(secret.name()) << ": " << StateOf(secret) << "\n";
    }
  }
  if (refused > 0) {
    out << "\n" << refused << " refused: the clients keep what they had before.\n";
  }
}

}  // namespace

Status ShowSecretStreams(WorkloadClient& client, SystemTime now, bool json, std::ostream& out) {
  ListStreamsResponse response;
  const Status asked = client.ListSecretStreams(response);
  if (asked.code() == Code::kUnimplemented) {
    return Unavailable("this agent serves no SDS; is disable_sds_api set?");
  }
  SIGNET_TRY(asked);
  if (json) {
    out << Dump(AsJson(response)) << "\n";
  } else {
    Print(response, now, out);
  }
  return {};
}

}  // namespace signet::agent_cmd
