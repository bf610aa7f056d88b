#include "ca/cmd/output.h"

#include <google/protobuf/util/json_util.h>

#include <array>
#include <nlohmann/json.hpp>
#include <ostream>

#include "ca/cmd/bundle_convert.h"
#include "core/base/clock.h"
#include "core/crypto/bundle_codec.h"
#include "core/crypto/pem.h"
#include "spire/api/server/localauthority/v1/localauthority.pb.h"
#include "spire/api/types/agent.pb.h"
#include "spire/api/types/bundle.pb.h"
#include "spire/api/types/entry.pb.h"
#include "spire/api/types/status.pb.h"

namespace signet::ca_cmd {
namespace {

using spire::api::server::localauthority::v1::AuthorityState;

std::string TtlText(std::int32_t seconds) {
  return seconds == 0 ? "default" : std::to_string(seconds);
}

void PrintAuthority(const std::string& title, const AuthorityState* state, std::ostream& out) {
  out << title << " X.509 authority:\n";
  if (state == nullptr) {
    std::string lower = title;
    lower[0] = static_cast<char>(lower[0] + ('a' - 'A'));
    out << "  No " << lower << " X.509 authority found\n";
    return;
  }
  out << "  Authority ID: " << state->authority_id() << "\n"
      << "  Expires at: " << TimeText(state->expires_at()) << "\n";
  if (state->upstream_authority_subject_key_id().empty()) {
    out << "  Upstream authority ID: No upstream authority\n";
  } else {
    out << "  Upstream authority Subject Key ID: " << state->upstream_authority_subject_key_id()
        << "\n";
  }
}

void PrintRareFields(const spire::api::types::Entry& entry, std::ostream& out) {
  if (entry.admin()) {
    out << "Admin                   : true\n";
  }
  if (entry.store_svid()) {
    out << "StoreSvid               : true\n";
  }
  if (!entry.hint().empty()) {
    out << "Hint                    : " << entry.hint() << "\n";
  }
  if (entry.additional_attributes().disable_x509_svid_prefetch()) {
    out << "DisableX509SvidPrefetch : true\n";
  }
  if (entry.additional_attributes().jwt_svid_include_jti()) {
    out << "JwtSvidIncludeJti       : true\n";
  }
}

}  // namespace

Status PrintJson(const google::protobuf::Message& message, std::ostream& out) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) {
    return Internal("the answer cannot be written as JSON: " + status.ToString());
  }
  const nlohmann::json sorted = nlohmann::json::parse(text, nullptr, false);
  out << sorted.dump() << "\n";
  return {};
}

void PrintEntry(const spire::api::types::Entry& entry, std::ostream& out) {
  out << "Entry ID                : " << (entry.id().empty() ? "(none)" : entry.id()) << "\n"
      << "SPIFFE ID               : " << IdText(entry.spiffe_id()) << "\n"
      << "Parent ID               : " << IdText(entry.parent_id()) << "\n"
      << "Revision                : " << entry.revision_number() << "\n";
  if (entry.downstream()) {
    out << "Downstream              : true\n";
  }
  out << "X509-SVID TTL           : " << TtlText(entry.x509_svid_ttl()) << "\n"
      << "JWT-SVID TTL            : " << TtlText(entry.jwt_svid_ttl()) << "\n";
  if (entry.expires_at() != 0) {
    out << "Expiration time         : " << TimeText(entry.expires_at()) << "\n";
  }
  for (const auto& selector : entry.selectors()) {
    out << "Selector                : " << selector.type() << ":" << selector.value() << "\n";
  }
  for (const std::string& trust_domain : entry.federates_with()) {
    out << "FederatesWith           : " << trust_domain << "\n";
  }
  for (const std::string& name : entry.dns_names()) {
    out << "DNS name                : " << name << "\n";
  }
  PrintRareFields(entry, out);
  out << "\n";
}

void PrintAgent(const spire::api::types::Agent& agent, std::ostream& out) {
  out << "SPIFFE ID         : " << IdText(agent.id()) << "\n"
      << "Attestation type  : " << agent.attestation_type() << "\n"
      << "Expiration time   : " << TimeText(agent.x509svid_expires_at()) << "\n";
  if (agent.banned()) {
    out << "Banned            : true\n";
  } else {
    out << "Serial number     : " << agent.x509svid_serial_number() << "\n";
  }
  out << "Can re-attest     : " << (agent.can_reattest() ? "true" : "false") << "\n";
  if (!agent.agent_version().empty()) {
    out << "Agent version     : " << agent.agent_version() << "\n";
  }
  out << "\n";
}

void PrintAuthorities(
    const spire::api::server::localauthority::v1::GetX509AuthorityStateResponse& state,
    std::ostream& out) {
  PrintAuthority("Active", state.has_active() ? &state.active() : nullptr, out);
  out << "\n";
  PrintAuthority("Prepared", state.has_prepared() ? &state.prepared() : nullptr, out);
  out << "\n";
  PrintAuthority("Old", state.has_old() ? &state.old() : nullptr, out);
}

Status PrintBundle(const spire::api::types::Bundle& bundle, const std::string& format,
                   std::ostream& out) {
  SIGNET_TRY_ASSIGN(const spiffe::Bundle value, BundleFromProto(bundle));
  if (format == "pem") {
    out << crypto::WriteBundlePem(value);
    return {};
  }
  SIGNET_TRY_ASSIGN(const std::string json, crypto::WriteBundleJson(value));
  constexpr int kIndent = 4;
  out << nlohmann::ordered_json::parse(json, nullptr, false).dump(kIndent) << "\n";
  return {};
}

std::string IdText(const spire::api::types::SPIFFEID& id) {
  return id.trust_domain().empty() ? "" : "spiffe://" + id.trust_domain() + id.path();
}

std::string StatusText(const spire::api::types::Status& status) {
  constexpr std::array<std::string_view, 17> kNames = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  const auto code = static_cast<std::size_t>(status.code());
  const std::string name = code < kNames.size() ? std::string(kNames[code])
                                                : "Code(" + std::to_string(status.code()) + ")";
  return "code: " + name + ", msg: \"" + status.message() + "\"";
}

std::string TimeText(std::int64_t unix_seconds) {
  std::string text = FormatTime(FromUnixSeconds(unix_seconds));  // 2026-11-22T02:09:09Z
  const std::size_t t = text.find('T');
  if (t != std::string::npos && text.ends_with('Z')) {
    text[t] = ' ';
    text.pop_back();
  }
  return text + " +0000 UTC";
}

std::string CertificatesPem(const std::vector<Bytes>& certificates) {
  std::string out;
  for (const Bytes& certificate : certificates) {
    out += crypto::PemEncode("CERTIFICATE", certificate);
  }
  return out;
}

std::string Counted(std::int64_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace signet::ca_cmd
