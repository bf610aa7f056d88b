#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf
namespace spire::api::types {
class Agent;
class Bundle;
class Entry;
class SPIFFEID;
class Status;
}  // namespace spire::api::types
namespace spire::api::server::localauthority::v1 {
class GetX509AuthorityStateResponse;
}  // namespace spire::api::server::localauthority::v1

namespace signet::ca_cmd {

/// Labels and layouts are those of SPIRE's CLI, since scripts read them.

/// PrintJson writes a message as one line of protobuf JSON: field names as in the .proto, every
/// field, keys sorted.
Status PrintJson(const google::protobuf::Message& message, std::ostream& out);

void PrintEntry(const spire::api::types::Entry& entry, std::ostream& out);
void PrintAgent(const spire::api::types::Agent& agent, std::ostream& out);
void PrintAuthorities(
    const spire::api::server::localauthority::v1::GetX509AuthorityStateResponse& state,
    std::ostream& out);
/// PrintBundle writes PEM or, for format "spiffe", the indented JWK set.
Status PrintBundle(const spire::api::types::Bundle& bundle, const std::string& format,
                   std::ostream& out);

/// IdText gives "spiffe://…" ("" for no trust domain).
std::string IdText(const spire::api::types::SPIFFEID& id);
/// StatusText gives "code: NotFound, msg: "…"" for the failed item of a batch.
std::string StatusText(const spire::api::types::Status& status);
/// TimeText gives "2026-11-22 02:09:09 +0000 UTC".
std::string TimeText(std::int64_t unix_seconds);
/// CertificatesPem encodes DER certificates one after the other.
std::string CertificatesPem(const std::vector<Bytes>& certificates);
/// Counted gives "1 entry" or "2 entries".
std::string Counted(std::int64_t count, const std::string& one, const std::string& many);

}  // namespace signet::ca_cmd
