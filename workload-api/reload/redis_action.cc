// Redis and Valkey, by CONFIG SET over RESP. All files go into one command, because Redis checks
// that certificate and key fit each other; it reads them anew even if the paths are the old ones.
#include "core/base/files.h"
#include "core/base/secret.h"
#include "workload-api/reload/kinds.h"
#include "workload-api/reload/stream.h"

namespace signet::reload {
namespace {

constexpr std::size_t kMaxPassword = 4096;
constexpr std::size_t kMaxReply = 4096;

void AppendWord(Bytes& command, ByteView word) {
  Append(command, AsBytes("$" + std::to_string(word.size()) + "\r\n"));
  Append(command, word);
  Append(command, AsBytes("\r\n"));
}

// Sends a command and wants "+OK". The password among the words is why this is a Secret.
Status Command(Stream& stream, const std::vector<ByteView>& words) {
  std::size_t size = 32;
  for (const ByteView word : words) {
    size += word.size() + 32;
  }
  Bytes command;
  command.reserve(size);  // no copy is left behind by growing
  Append(command, AsBytes("*" + std::to_string(words.size()) + "\r\n"));
  for (const ByteView word : words) {
    AppendWord(command, word);
  }
  const Secret wiped(std::move(command));
  SIGNET_TRY(stream.Write(wiped.RevealSecret()));
  SIGNET_TRY_ASSIGN(const std::string reply, stream.ReadLine(kMaxReply));
  if (reply == "+OK") {
    return {};
  }
  if (!reply.starts_with('-')) {
    return Unavailable(stream.address() +
                       " does not answer like Redis: is it a TLS port? Use the "
                       "plain port or the Unix socket");
  }
  return FailedPrecondition("Redis says: " + OneLine(reply.substr(1), 500));
}

// The word on the first line; the view lives in `file`.
ByteView FirstLine(const Secret& file) {
  const std::string_view text = AsText(file.RevealSecret());
  return AsBytes(text.substr(0, text.find_first_of("\r\n")));
}

class RedisAction final : public Action {
 public:
  explicit RedisAction(const ActionSpec& spec) : spec_(spec) {}

  Status Run(const Files& files, Duration timeout) override {
    SIGNET_TRY_ASSIGN(const std::string certificate, PathOf(spec_, "certificate", files));
    SIGNET_TRY_ASSIGN(const std::string key, PathOf(spec_, "key", files));
    SIGNET_TRY_ASSIGN(const std::string ca, PathOf(spec_, "ca", files));
    std::vector<std::string> words = {"CONFIG",    "SET",          "tls-cert-file",
                                      certificate, "tls-key-file", key};
    if (!ca.empty()) {
      words.insert(words.end(), {"tls-ca-cert-file", ca});
    }
    SIGNET_TRY_ASSIGN(Stream stream, Stream::Connect(spec_.socket, Deadline::In(timeout)));
    SIGNET_TRY(Authenticate(stream));
    std::vector<ByteView> views;
    for (const std::string& word : words) {
      views.push_back(AsBytes(word));
    }
    return Command(stream, views).Context("CONFIG SET tls-cert-file, tls-key-file");
  }
  std::string Describe() const override { return "CONFIG SET of Redis at " + spec_.socket; }

 private:
  Status Authenticate(Stream& stream) {
    if (spec_.password_file.empty()) {
      return {};
    }
    SIGNET_TRY_ASSIGN(Bytes content, ReadSecretFile(spec_.password_file, kMaxPassword));
    const Secret file(std::move(content));
    std::vector<ByteView> words = {AsBytes("AUTH")};
    if (!spec_.user.empty()) {
      words.push_back(AsBytes(spec_.user));
    }
    words.push_back(FirstLine(file));
    return Command(stream, words).Context("AUTH");
  }

  ActionSpec spec_;
};

}  // namespace

MadeAction MakeRedisAction(const ActionSpec& spec) {
  SIGNET_TRY(CheckAddress(spec.socket).Context("\"socket\""));
  for (const char* role : {"certificate", "key"}) {
    if (!spec.files.contains(role)) {
      return InvalidArgument("reload action \"redis\" needs the file in the role \"" +
                             std::string(role) + "\"");
    }
  }
  if (!spec.user.empty() && spec.password_file.empty()) {
    return InvalidArgument("reload action \"redis\" with \"user\" needs \"password_file\"");
  }
  if (!spec.password_file.empty()) {
    SIGNET_TRY(CheckAbsolutePath("password_file", spec.password_file));
  }
  return Made<RedisAction>(spec);
}

}  // namespace signet::reload
