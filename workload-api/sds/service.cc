#include "workload-api/sds/service.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "signet/api/agent/v1/secret_streams.pb.h"
#include "workload-api/rpc/stream.h"
#include "workload-api/sds/session.h"

namespace signet::sds {
namespace {

using agent_rpc::Door;
using agent_rpc::Stream;
using agent_rpc::WorkloadApi;

constexpr char kListMethod[] = "/signet.api.agent.v1.SecretStreams/ListStreams";

/// Open is a stream as the service remembers it.
struct Open {
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  SystemTime since;
  std::weak_ptr<const Session> session;
  std::weak_ptr<Stream> stream;
};

void Describe(const Open& open, const Session& session, signet::api::agent::v1::SecretStream& out) {
  const Session::Description description = session.Describe();
  out.set_pid(open.pid);
  out.set_uid(open.uid);
  out.set_opened_at(UnixSeconds(open.since));
  out.set_variant(description.variant == Variant::kSotw ? "sotw" : "delta");
  out.set_node_id(description.node_id);
  for (const Subscription::Row& row : description.rows) {
    auto& secret = *out.add_secrets();
    secret.set_name(row.name);
    secret.set_sent(row.sent);
    secret.set_accepted(row.accepted);
    secret.set_refused(row.refused);
    secret.set_refusal(row.refusal);
  }
}

}  // namespace

/// Shared is what all streams of one service use. Streams may end later than the service.
struct SecretDiscovery::Shared : std::enable_shared_from_this<Shared> {
  Shared(std::shared_ptr<WorkloadApi::Shared> workload_api, Options chosen, const World& world)
      : api(std::move(workload_api)),
        options(std::move(chosen)),
        ticket_keys(world.clock, world.random),
        system_roots(options.system_roots_path),
        clock(world.clock),
        entropy(world.random) {}

  Session::World ForSession() {
    return {{options, ticket_keys, system_roots}, entropy, api->logger, shared_from_this()};
  }

  std::uint64_t Add(Open open) {
    const std::lock_guard lock(mutex);
    streams.emplace(next_id, std::move(open));
    return next_id++;
  }
  void Remove(std::uint64_t id) {
    const std::lock_guard lock(mutex);
    streams.erase(id);
  }
  std::vector<Open> Streams() const {
    const std::lock_guard lock(mutex);
    std::vector<Open> copies;
    for (const auto& [id, open] : streams) {
      copies.push_back(open);
    }
    return copies;
  }

  const std::shared_ptr<WorkloadApi::Shared> api;
  const Options options;
  TicketKeys ticket_keys;
  SystemRoots system_roots;
  const Clock& clock;
  Random& entropy;

  mutable std::mutex mutex;
  std::map<std::uint64_t, Open> streams;
  std::uint64_t next_id = 1;
};

/// StreamHandler ties a session and its stream to their call's life.
class SecretDiscovery::StreamHandler final : public rpc::CallHandler {
 public:
  StreamHandler(const Served& served, std::shared_ptr<rpc::Call> call, std::string account)
      : shared_(served.shared),
        call_(std::move(call)),
        account_(std::move(account)),
        session_(std::make_shared<Session>(call_, served.variant, shared_->ForSession())),
        stream_(std::make_shared<Stream>(shared_->api, served.door, call_, session_)),
        id_(shared_->Add({.pid = call_->info().peer->process->pid,
                          .uid = call_->info().peer->process->uid,
                          .since = shared_->clock.Now(),
                          .session = session_,
                          .stream = stream_})) {}

  void OnMessage(std::string_view message) override {
    const Result<bool> due = session_->Receive(message);
    if (!due.ok()) {
      call_->Finish(rpc::RpcStatus::Of(due.error()));
    } else if (!std::exchange(begun_, true)) {
      stream_->Begin();
    } else if (*due) {
      stream_->WriteAgain();
    }
  }
  void OnHalfClose() override {
    if (!begun_) {
      call_->Finish({});
      return;
    }
    session_->Close();
    stream_->WriteAgain();
  }
  void OnWritable() override {
    if (session_->Unblock()) {
      stream_->WriteAgain();
    }
  }
  void OnDone() override {
    shared_->Remove(id_);
    stream_->Over();
    shared_->api->counts.Leave(account_);
  }

 private:
  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<rpc::Call> call_;
  const std::string account_;
  const std::shared_ptr<Session> session_;
  const std::shared_ptr<Stream> stream_;
  const std::uint64_t id_;
  bool begun_ = false;
};

namespace {

/// FetchWriter answers once: with all that was asked for, or with why not.
class FetchWriter final : public agent_rpc::StreamWriter {
 public:
  FetchWriter(std::shared_ptr<rpc::Call> call, const Ask& ask, const Session::World& world)
      : call_(std::move(call)), client_(ask.client.value_or(Client{})), world_(world) {
    taken_ = subscription_.Take(ask);
  }
  /// taken is false if the request is one that cannot be served.
  const Result<bool>& taken() const { return taken_; }

  svids::Topic topic() const override { return svids::Topic::kHoldings; }
  void Write(const svids::Update& state) override {
    Secrets secrets(*state.holdings, client_, world_.shop);
    const Subscription::Next next = subscription_.Advance(secrets, "fetch");
    if (!next.missing.empty()) {
      const auto& [name, reason] = next.missing.front();
      call_->Finish({Code::kNotFound, CutText(name, spiffe::kMaxIdBytes) + ": " + reason.message +
                                          "; the caller could ask for " + secrets.Menu()});
      return;
    }
    call_->Write(WriteAnswer(Variant::kSotw, next.answer));
    call_->Finish({});
  }

 private:
  const std::shared_ptr<rpc::Call> call_;
  const Client client_;
  const Session::World world_;
  Subscription subscription_{Variant::kSotw};
  Result<bool> taken_ = false;
};

/// Silent is the handler of a call that was finished at once.
class Silent final : public rpc::CallHandler {
  void OnMessage(std::string_view) override {}
  void OnHalfClose() override {}
};

}  // namespace

/// FetchHandler lets go of a fetch.
class SecretDiscovery::FetchHandler final : public rpc::CallHandler {
 public:
  FetchHandler(std::shared_ptr<Shared> shared, std::shared_ptr<Stream> stream, std::string account)
      : shared_(std::move(shared)), stream_(std::move(stream)), account_(std::move(account)) {}
  void OnMessage(std::string_view) override {}
  void OnHalfClose() override {}
  void OnDone() override {
    stream_->Over();
    shared_->api->counts.Leave(account_);
  }

 private:
  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Stream> stream_;
  const std::string account_;
};

SecretDiscovery::SecretDiscovery(const WorkloadApi& api, Options options, const World& world)
    : shared_(std::make_shared<Shared>(api.shared(), std::move(options), world)),
      ticker_(std::make_unique<Ticker>([this] { return RenewTicketKeys(); })) {}

SecretDiscovery::~SecretDiscovery() = default;

rpc::HandlerFactory SecretDiscovery::Streams(Served served) {
  return [served = std::move(served)](
             std::shared_ptr<rpc::Call> call) -> std::unique_ptr<rpc::CallHandler> {
    std::optional<std::string> account = Admit(*served.shared->api, *served.door, *call);
    if (!account) {
      return std::make_unique<Silent>();
    }
    return std::make_unique<StreamHandler>(served, std::move(call), *std::move(account));
  };
}

rpc::HandlerFactory SecretDiscovery::Fetch(Served served) {
  return rpc::ServerStream([served = std::move(served)](
                               std::shared_ptr<rpc::Call> call,
                               std::string_view raw) -> std::unique_ptr<rpc::CallHandler> {
    const Result<Ask> ask = ParseAsk(Variant::kSotw, raw);
    if (!ask.ok()) {
      call->Finish(rpc::RpcStatus::Of(ask.error()));
      return nullptr;
    }
    auto writer = std::make_shared<FetchWriter>(call, *ask, served.shared->ForSession());
    if (!writer->taken().ok()) {
      call->Finish(rpc::RpcStatus::Of(writer->taken().error()));
      return nullptr;
    }
    std::optional<std::string> account = Admit(*served.shared->api, *served.door, *call);
    if (!account) {
      return nullptr;
    }
    auto stream =
        std::make_shared<Stream>(served.shared->api, served.door, call, std::move(writer));
    stream->Begin();
    return std::make_unique<FetchHandler>(served.shared, std::move(stream), *std::move(account));
  });
}

rpc::HandlerFactory SecretDiscovery::List() const {
  using namespace signet::api::agent::v1;
  return rpc::UnaryOf<ListStreamsRequest, ListStreamsResponse>(
      [shared = shared_](const rpc::CallInfo& call,
                         const ListStreamsRequest&) -> rpc::AnswerOf<ListStreamsResponse> {
        if (call.peer->process == nullptr) {
          return PermissionDenied("streams are listed on a Unix socket alone");
        }
        const std::uint32_t uid = call.peer->process->uid;
        const bool sees_all = uid == 0 || uid == ::geteuid();
        ListStreamsResponse response;
        for (const Open& open : shared->Streams()) {
          const auto session = open.session.lock();
          if (session != nullptr && (sees_all || open.uid == uid)) {
            Describe(open, *session, *response.add_streams());
          }
        }
        return response;
      });
}

void SecretDiscovery::AddTo(rpc::MethodTable& methods, const std::shared_ptr<const Door>& door) {
  const auto add = [&](std::string_view name, rpc::HandlerFactory factory) {
    methods.Add("/" + std::string(kService) + "/" + std::string(name), std::move(factory));
  };
  add("StreamSecrets", Streams({shared_, door, Variant::kSotw}));
  add("DeltaSecrets", Streams({shared_, door, Variant::kDelta}));
  add("FetchSecrets", Fetch({shared_, door, Variant::kSotw}));
}

void SecretDiscovery::AddListTo(rpc::MethodTable& methods) { methods.Add(kListMethod, List()); }

std::size_t SecretDiscovery::refusals() const {
  const std::vector<Open> streams = shared_->Streams();
  return static_cast<std::size_t>(
      std::count_if(streams.begin(), streams.end(), [](const Open& open) {
        const auto session = open.session.lock();
        return session != nullptr && session->refuses();
      }));
}

Duration SecretDiscovery::RenewTicketKeys() const {
  const Duration next = shared_->ticket_keys.NextChange();
  for (const Open& open : shared_->Streams()) {
    const auto session = open.session.lock();
    const auto stream = open.stream.lock();
    if (session != nullptr && stream != nullptr && session->Wants(std::string(kTicketKeysName))) {
      stream->WriteAgain();
    }
  }
  return next;
}

}  // namespace signet::sds
