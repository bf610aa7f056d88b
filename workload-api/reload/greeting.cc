#include "workload-api/reload/greeting.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "workload-api/reload/kinds.h"

namespace signet::reload {
namespace {

constexpr std::size_t kMaxLine = 1024;
constexpr std::size_t kMaxNatsInfo = 32 * 1024;
constexpr std::size_t kMaxMysqlGreeting = 4096;
constexpr int kMaxReplyLines = 100;

// What a server said goes into errors: short and printable.
std::string Quoted(std::string_view said) { return "\"" + OneLine(said, 200) + "\""; }

Error NoTls(std::string_view server) {
  return Unavailable("this " + std::string(server) +
                     " does not offer TLS: switch TLS on in its configuration");
}

Error Another(std::string_view wanted, std::string_view said) {
  return Unavailable("this does not answer like " + std::string(wanted) + "; it says " +
                     Quoted(said));
}

// PostgreSQL's protocol: an SSLRequest, answered by one byte.
Status StartPostgresql(Stream& stream) {
  static constexpr std::uint8_t kSslRequest[] = {0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f};
  SIGNET_TRY(stream.Write(kSslRequest));
  SIGNET_TRY_ASSIGN(const Bytes answer, stream.ReadExactly(1));
  if (answer[0] == 'N') {
    return NoTls("PostgreSQL server (ssl = off)");
  }
  return answer[0] == 'S' ? Status() : Status(Another("PostgreSQL", AsText(answer)));
}

constexpr std::uint32_t kClientProtocol41 = 0x00000200;
constexpr std::uint32_t kClientSsl = 0x00000800;
constexpr std::uint32_t kClientSecureConnection = 0x00008000;

Status StartMysql(Stream& stream) {
  SIGNET_TRY_ASSIGN(const Bytes header, stream.ReadExactly(4));
  const std::size_t size = header[0] | header[1] << 8 | header[2] << 16;
  if (size == 0 || size > kMaxMysqlGreeting || header[3] > 1) {
    return Another("MySQL or MariaDB", AsText(header));
  }
  SIGNET_TRY_ASSIGN(const Bytes payload, stream.ReadExactly(size));
  SIGNET_TRY(JudgeMysqlGreeting(payload));
  // SSLRequest: capabilities, the largest packet, a character set, 23 zero bytes.
  Bytes request(4 + 32, 0);
  request[0] = 32;
  request[3] = static_cast<std::uint8_t>(header[3] + 1);
  constexpr std::uint32_t kWanted = kClientProtocol41 | kClientSsl | kClientSecureConnection;
  request[4] = kWanted & 0xff;
  request[5] = kWanted >> 8 & 0xff;
  request[7 + 3] = 1;   // 64 KiB
  request[4 + 8] = 45;  // utf8mb4
  return stream.Write(request);
}

Status StartNats(Stream& stream) {
  SIGNET_TRY_ASSIGN(const std::string line, stream.ReadLine(kMaxNatsInfo));
  return JudgeNatsInfo(line);
}

// Reads a reply of SMTP ("250-…" lines up to "250 …") and wants this code.
Status SmtpReply(Stream& stream, std::string_view code) {
  for (int i = 0; i < kMaxReplyLines; ++i) {
    SIGNET_TRY_ASSIGN(const std::string line, stream.ReadLine(kMaxLine));
    if (!line.starts_with(code)) {
      return Another("an SMTP server that offers STARTTLS", line);
    }
    if (line.size() == 3 || line[3] == ' ') {
      return {};
    }
  }
  return Another("an SMTP server", "too many lines");
}

Status StartSmtp(Stream& stream) {
  SIGNET_TRY(SmtpReply(stream, "220"));
  SIGNET_TRY(stream.Write(AsBytes("EHLO localhost\r\n")));
  SIGNET_TRY(SmtpReply(stream, "250"));
  SIGNET_TRY(stream.Write(AsBytes("STARTTLS\r\n")));
  return SmtpReply(stream, "220");
}

Status StartImap(Stream& stream) {
  SIGNET_TRY_ASSIGN(const std::string greeting, stream.ReadLine(kMaxLine));
  if (!greeting.starts_with("* OK")) {
    return Another("IMAP", greeting);
  }
  SIGNET_TRY(stream.Write(AsBytes("a STARTTLS\r\n")));
  for (int i = 0; i < kMaxReplyLines; ++i) {
    SIGNET_TRY_ASSIGN(const std::string line, stream.ReadLine(kMaxLine));
    if (line.starts_with("a ")) {
      return line.starts_with("a OK")
                 ? Status()
                 : Status(Another("an IMAP server that offers STARTTLS", line));
    }
  }
  return Another("IMAP", "too many lines");
}

// RFC 4511 §4.14: an ExtendedRequest with the OID of StartTLS, as message 1.
Status StartLdap(Stream& stream) {
  static constexpr std::string_view kRequest(
      "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
      "1.3.6.1.4.1.1466.20037",
      31);
  SIGNET_TRY(stream.Write(AsBytes(kRequest)));
  SIGNET_TRY_ASSIGN(Bytes message, stream.ReadExactly(2));
  if (message[0] != 0x30 || message[1] > 0x84) {
    return Another("LDAP", AsText(message));
  }
  std::size_t size = message[1];
  if (size >= 0x80) {
    SIGNET_TRY_ASSIGN(const Bytes length, stream.ReadExactly(size - 0x80));
    size = 0;
    for (const std::uint8_t byte : length) {
      size = size << 8 | byte;
    }
    Append(message, length);
  }
  if (size > kMaxLine) {
    return Another("LDAP", AsText(message));
  }
  SIGNET_TRY_ASSIGN(const Bytes content, stream.ReadExactly(size));
  return JudgeLdapAnswer(content);
}

struct Protocol {
  std::string_view name;
  Status (*start)(Stream& stream);
};

constexpr Protocol kProtocols[] = {
    {"tls", [](Stream&) { return Status(); }},
    {"postgresql", StartPostgresql},
    {"mysql", StartMysql},
    {"nats", StartNats},
    {"smtp", StartSmtp},
    {"imap", StartImap},
    {"ldap", StartLdap},
};

const Protocol* Find(std::string_view name) {
  const auto* found = std::find_if(std::begin(kProtocols), std::end(kProtocols),
                                   [&](const Protocol& p) { return p.name == name; });
  return found == std::end(kProtocols) ? nullptr : found;
}

}  // namespace

bool IsProtocol(std::string_view protocol) { return Find(protocol) != nullptr; }

Status StartTls(std::string_view protocol, Stream& stream) {
  const Protocol* known = Find(protocol);
  if (known == nullptr) {
    return InvalidArgument("there is no protocol \"" + std::string(protocol) + "\"");
  }
  return known->start(stream).Context(stream.address());
}

Status JudgeMysqlGreeting(ByteView payload) {
  const std::string_view text = AsText(payload);
  if (text.starts_with('\xff')) {  // an error packet: code, then text
    return Unavailable("MySQL or MariaDB refuses the connection: " +
                       Quoted(text.substr(std::min<std::size_t>(3, text.size()))));
  }
  // Protocol version 10, the server's version ending in NUL, connection id (4), 8 bytes of
  // challenge, a filler, then the lower half of the capabilities.
  const std::size_t nul = text.find('\0');
  constexpr std::size_t kBehindVersion = 1 + 4 + 8 + 1;
  if (!text.starts_with('\x0a') || nul == std::string_view::npos ||
      text.size() < nul + kBehindVersion + 2) {
    return Another("MySQL or MariaDB", text);
  }
  const std::uint32_t capabilities =
      payload[nul + kBehindVersion] | payload[nul + kBehindVersion + 1] << 8;
  return (capabilities & kClientSsl) != 0 ? Status() : Status(NoTls("MySQL or MariaDB server"));
}

Status JudgeNatsInfo(std::string_view line) {
  constexpr std::string_view kInfo = "INFO ";
  const auto info = line.starts_with(kInfo)
                        ? nlohmann::json::parse(line.substr(kInfo.size()), nullptr, false)
                        : nlohmann::json();
  if (!info.is_object()) {
    return Another("NATS", line);
  }
  for (const char* key : {"tls_required", "tls_available"}) {
    const auto found = info.find(key);
    if (found != info.end() && found->is_boolean() && found->get<bool>()) {
      return {};
    }
  }
  return NoTls("NATS server");
}

Status JudgeLdapAnswer(ByteView message) {
  // messageID 1, then [APPLICATION 24] with the resultCode as its first element.
  static constexpr std::uint8_t kAnswer[] = {0x02, 0x01, 0x01, 0x78};
  if (message.size() < 8 || !Equal(message.first(4), kAnswer)) {
    return Another("LDAP", AsText(message));
  }
  const std::size_t skip = (message[4] & 0x80) != 0 ? 1U + (message[4] & 0x7f) : 1U;
  if (message.size() < 4 + skip + 3 || message[4 + skip] != 0x0a || message[4 + skip + 1] != 1) {
    return Another("LDAP", AsText(message));
  }
  return message[4 + skip + 2] == 0 ? Status() : Status(NoTls("LDAP server"));
}

}  // namespace signet::reload
