#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "workload-api/sds/secrets.h"
#include "workload-api/sds/wire.h"

namespace signet::sds {

inline constexpr std::size_t kMaxNames = 64;             ///< of one stream
inline constexpr std::size_t kMaxNamesBytes = 8 * 1024;  ///< of one stream, all together

/// Subscription is the memory of one stream: what it wants, what it was sent, what it thinks of
/// that. Pure; it decides what goes into the next answer, by the xDS protocol's rules:
///
/// - only what is new to the client is sent; what it refused is not sent again unchanged;
/// - a name that is asked for anew is answered even if the client has it;
/// - a name that cannot be served now stays wanted;
/// - SotW: a request with another nonce than the newest is stale, except the first of a stream,
///   which may carry one of before a reconnect, and those without any. Delta: what a request
///   (un)subscribes always counts.
class Subscription {
 public:
  explicit Subscription(Variant variant) : variant_(variant) {}

  /// Take applies a request and tells whether an answer may be due. INVALID_ARGUMENT (another
  /// type, too many names) must end the stream.
  Result<bool> Take(const Ask& ask);

  struct Next {
    Answer answer = {};  ///< nothing to send if it has neither items nor removed names
    /// Names that turn out not to be served, with the reason, each once until it was served again.
    std::vector<std::pair<std::string, Error>> missing = {};
    bool empty() const { return answer.items.empty() && answer.removed.empty(); }
  };
  /// Advance makes the next answer and counts it as sent under the nonce.
  Next Advance(SecretSource& source, const std::string& nonce);

  /// Row is what is known of one name, for people.
  struct Row {
    std::string name;
    std::string sent;      ///< version; empty: never, or no longer there
    std::string accepted;  ///< version
    std::string refused;   ///< version; empty again once a newer one was accepted
    std::string refusal;   ///< what the client said
  };
  std::vector<Row> Rows() const;
  /// Awaits: an answer with this nonce was sent, and the client has not said what it thinks of it.
  bool Awaits(const std::string& nonce) const;
  bool refuses() const;  ///< some name stands refused
  bool Wants(const std::string& name) const { return names_.contains(name); }

 private:
  struct State {
    bool named = true;  ///< asked for by name, not by asking for all
    bool due = true;    ///< to be answered even if the client has it
    bool told_missing = false;
    std::string sent = {};
    std::string accepted = {};
    std::string refused = {};
    std::shared_ptr<const std::string> refusal = {};
  };
  struct Sent {
    std::string nonce;
    std::vector<std::pair<std::string, std::string>> versions = {};  ///< by name
  };

  void Acknowledge(const Ask& ask);
  bool TakeWorld(const Ask& ask);
  bool TakeDelta(const Ask& ask, bool first);
  void Hold(const std::map<std::string, std::string>& have);
  bool Want(const std::string& name, bool anew);
  bool Drop(const std::string& name);
  void WantAll(bool all);
  Status CheckBounds() const;
  void FollowAll(SecretSource& source, Next& next);
  void Forget(const std::string& name, State& state, Next& next) const;

  const Variant variant_;
  bool first_ = true;
  bool all_ = false;         ///< asked for everything
  bool ever_named_ = false;  ///< from then on an empty list of SotW means nothing, not everything
  std::map<std::string, State> names_;
  std::string newest_nonce_;
  std::deque<Sent> unanswered_;
};

}  // namespace signet::sds
