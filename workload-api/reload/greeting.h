#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "workload-api/reload/stream.h"

namespace signet::reload {

/// IsProtocol says whether StartTls knows the protocol: tls, postgresql, mysql, nats, smtp, imap,
/// ldap.
bool IsProtocol(std::string_view protocol);

/// StartTls says what a client has to say before TLS begins, and hears what the server answers.
/// Afterwards the next byte of the stream is TLS's. UNAVAILABLE: the server is another one, or has
/// TLS switched off; says which.
Status StartTls(std::string_view protocol, Stream& stream);

/// JudgeMysqlGreeting reads the payload of the first packet of MySQL and MariaDB (protocol 10), or
/// the error that comes in its place. OK: this server offers TLS.
Status JudgeMysqlGreeting(ByteView payload);

/// JudgeNatsInfo reads the first line of NATS. OK: this server offers TLS.
Status JudgeNatsInfo(std::string_view line);

/// JudgeLdapAnswer reads the LDAPMessage that answers StartTLS. OK: TLS begins.
Status JudgeLdapAnswer(ByteView message);

}  // namespace signet::reload
