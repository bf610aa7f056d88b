#include "workload-api/client/connections.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "core/base/random.h"

namespace signet::client {
namespace {

using Number = std::uint64_t;
using Voucher = std::pair<spiffe::TrustDomain, crypto::Fingerprint>;

template <class Time>
using Queue = std::set<std::pair<Time, Number>>;

template <class Time>
std::vector<Number> UpTo(const Queue<Time>& queue, Time now) {
  std::vector<Number> due;
  for (auto it = queue.begin(); it != queue.end() && it->first <= now; ++it) {
    due.push_back(it->second);
  }
  return due;
}

Voucher VoucherOf(const Peer& peer) { return {peer.id.trust_domain(), peer.authority}; }

}  // namespace

// Lives as long as the registry or a tracked SSL does.
struct Connections::State {
  struct Entry {
    LiveConnection connection;
    MonoTime oldest;    // when it reaches its greatest age
    MonoTime shutdown;  // once it was asked to end
    std::optional<CloseReason> due;
  };
  struct Due {
    LiveConnection connection;
    CloseReason reason;
  };

  explicit State(ConnectionsOptions given) : options(std::move(given)) {}

  const Clock& clock() const { return options.clock != nullptr ? *options.clock : real_clock; }

  Number Add(LiveConnection connection) {
    const std::lock_guard lock(mutex);
    connection.number = ++last;
    const ConnectionPolicy& policy = options.policy;
    Entry entry{connection, {}, {}, {}};
    if (policy.at_peer_expiry) {
      expiring.emplace(connection.peer.not_after, last);
    }
    if (policy.on_authority_removal) {
      vouched[VoucherOf(connection.peer)].insert(last);
    }
    if (policy.max_age) {
      const double share = 1 - policy.max_age_jitter * random.Uniform01();
      entry.oldest = clock().Mono() + std::chrono::duration_cast<Duration>(*policy.max_age * share);
      ageing.emplace(entry.oldest, last);
    }
    live.emplace(last, std::move(entry));
    return last;
  }

  void Remove(Number number) {
    const std::lock_guard lock(mutex);
    const auto found = live.find(number);
    if (found != live.end()) {
      Unschedule(found->second);
      shutting.erase({found->second.shutdown, number});
      live.erase(found);
    }
  }

  // Nothing asks for this connection's end any more.
  void Unschedule(const Entry& entry) {
    const Number number = entry.connection.number;
    expiring.erase({entry.connection.peer.not_after, number});
    ageing.erase({entry.oldest, number});
    const auto group = vouched.find(VoucherOf(entry.connection.peer));
    if (group != vouched.end()) {
      group->second.erase(number);
      if (group->second.empty()) {
        vouched.erase(group);
      }
    }
  }

  void Take(Number number, CloseReason reason, std::vector<Due>& due) {
    Entry& entry = live.at(number);
    Unschedule(entry);
    entry.due = reason;
    due.push_back({entry.connection, reason});
    if (options.policy.shutdown_after) {
      entry.shutdown = clock().Mono() + *options.policy.shutdown_after;
      shutting.emplace(entry.shutdown, number);
    }
  }

  std::vector<Due> TakeDue(const X509Snapshot& snapshot) {
    std::vector<Due> due;
    const std::lock_guard lock(mutex);
    for (const Number number : OrphansOf(snapshot)) {
      Take(number, CloseReason::kAuthorityRemoved, due);
    }
    for (const Number number : UpTo(expiring, clock().Now())) {
      Take(number, CloseReason::kPeerExpired, due);
    }
    for (const Number number : UpTo(ageing, clock().Mono())) {
      Take(number, CloseReason::kMaxAge, due);
    }
    return due;
  }

  std::vector<Number> OrphansOf(const X509Snapshot& snapshot) const {
    std::vector<Number> orphans;
    for (const auto& [voucher, numbers] : vouched) {
      if (snapshot == nullptr) {
        break;
      }
      const auto store = snapshot->trust_stores.find(voucher.first);
      if (store == snapshot->trust_stores.end() ||
          !store->second->authorities().contains(voucher.second)) {
        orphans.insert(orphans.end(), numbers.begin(), numbers.end());
      }
    }
    return orphans;
  }

  // Under the lock: until Remove, which waits for it, the socket is the connection's own.
  void ShutDownDue() {
    const std::lock_guard lock(mutex);
    for (const Number number : UpTo(shutting, clock().Mono())) {
      const Entry& entry = live.at(number);
      ::shutdown(entry.connection.fd, SHUT_RDWR);
      shutting.erase({entry.shutdown, number});
    }
  }

  const ConnectionsOptions options;
  const RealClock real_clock;
  SystemRandom random;
  mutable std::mutex mutex;
  Number last = 0;
  std::map<Number, Entry> live;
  Queue<SystemTime> expiring;
  Queue<MonoTime> ageing;
  Queue<MonoTime> shutting;
  std::map<Voucher, std::set<Number>> vouched;
};

namespace {

// What a tracked SSL carries; its end is the end of the connection.
struct Tracked {
  Tracked(std::shared_ptr<Connections::State> in, Number as, Peer who)
      : registry(std::move(in)), number(as), peer(std::move(who)) {}
  ~Tracked() { registry->Remove(number); }
  Tracked(const Tracked&) = delete;
  Tracked& operator=(const Tracked&) = delete;

  const std::shared_ptr<Connections::State> registry;
  const Number number;
  const Peer peer;
};

int TrackedIndex() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr,
      // SSL_dup: the copy is another connection.
      [](CRYPTO_EX_DATA*, const CRYPTO_EX_DATA*, void** data, int, long, void*) {
        *data = nullptr;
        return 1;
      },
      [](void*, void* p, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Tracked*>(p); });
  return index;
}

Status CheckPolicy(const ConnectionPolicy& policy) {
  const auto negative = [](const std::optional<Duration>& time) {
    return time && *time < Duration::zero();
  };
  if (negative(policy.max_age) || negative(policy.shutdown_after) ||
      !(policy.max_age_jitter >= 0 && policy.max_age_jitter <= 1)) {
    return InvalidArgument("policy: wanted times >= 0 and 0 <= max_age_jitter <= 1");
  }
  return {};
}

}  // namespace

std::string_view CloseReasonText(CloseReason reason) {
  switch (reason) {
    case CloseReason::kPeerExpired:
      return "the peer's certificate has expired";
    case CloseReason::kAuthorityRemoved:
      return "the authority that vouched for the peer was removed";
    case CloseReason::kMaxAge:
      return "the connection has reached its greatest age";
  }
  return "";
}

Connections::Connections(std::shared_ptr<State> state) : state_(std::move(state)) {}
Connections::~Connections() = default;

Result<std::shared_ptr<Connections>> Connections::Create(ConnectionsOptions options) {
  if (options.source == nullptr) {
    return InvalidArgument("a registry of connections needs a source");
  }
  SIGNET_TRY(CheckPolicy(options.policy));
  return std::shared_ptr<Connections>(new Connections(std::make_shared<State>(std::move(options))));
}

Result<std::uint64_t> Connections::Track(SSL* connection) {
  SIGNET_TRY_ASSIGN(Peer peer, PeerOf(connection));
  const auto* before = static_cast<Tracked*>(SSL_get_ex_data(connection, TrackedIndex()));
  if (before != nullptr && before->registry == state_ && before->peer == peer) {
    return before->number;
  }
  const int fd = SSL_get_fd(connection);
  if (fd < 0 && state_->options.policy.shutdown_after) {
    return FailedPrecondition("the connection has no socket to shut down");
  }
  Forget(connection);
  const Number number = state_->Add({0, peer, state_->clock().Now(), fd});
  auto tracked = std::make_unique<Tracked>(state_, number, std::move(peer));
  if (SSL_set_ex_data(connection, TrackedIndex(), tracked.get()) != 1) {
    return Internal("out of memory");
  }
  (void)tracked.release();  // the SSL owns it now
  return number;
}

void Connections::Forget(SSL* connection) {
  delete static_cast<Tracked*>(SSL_get_ex_data(connection, TrackedIndex()));
  SSL_set_ex_data(connection, TrackedIndex(), nullptr);
}

std::optional<CloseReason> Connections::Due(const SSL* connection) const {
  const auto* tracked = static_cast<Tracked*>(SSL_get_ex_data(connection, TrackedIndex()));
  if (tracked == nullptr || tracked->registry != state_) {
    return std::nullopt;
  }
  const std::lock_guard lock(state_->mutex);
  return state_->live.at(tracked->number).due;
}

std::vector<LiveConnection> Connections::List() const {
  std::vector<LiveConnection> list;
  const std::lock_guard lock(state_->mutex);
  for (const auto& [number, entry] : state_->live) {
    list.push_back(entry.connection);
  }
  return list;
}

std::size_t Connections::size() const {
  const std::lock_guard lock(state_->mutex);
  return state_->live.size();
}

void Connections::Tick() {
  const X509Snapshot snapshot = state_->options.source->Current();
  for (const State::Due& due : state_->TakeDue(snapshot)) {
    if (state_->options.on_close_due) {
      state_->options.on_close_due(due.connection, due.reason);
    }
  }
  state_->ShutDownDue();
}

}  // namespace signet::client
