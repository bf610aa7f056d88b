#include "workload-api/sds/session.h"

#include <utility>

#include "core/base/encoding.h"

namespace signet::sds {
namespace {

constexpr std::size_t kNonceBytes = 8;
constexpr std::size_t kNamesInOneLine = 5;
constexpr int kMaxMissingLines = 20;  // of one stream

/// Shown lists the first of the missing names.
std::string Shown(const Subscription::Next& next) {
  std::string names;
  for (std::size_t i = 0; i < next.missing.size() && i < kNamesInOneLine; ++i) {
    names += (i == 0 ? "" : ", ") + next.missing[i].first;
  }
  if (next.missing.size() > kNamesInOneLine) {
    names += " and " + std::to_string(next.missing.size() - kNamesInOneLine) + " more";
  }
  return names;
}

}  // namespace

Session::Session(std::shared_ptr<rpc::Call> call, Variant variant, const World& world)
    : call_(std::move(call)), variant_(variant), world_(world), subscription_(variant) {}

Result<bool> Session::Receive(std::string_view message) {
  SIGNET_TRY_ASSIGN(Ask ask, ParseAsk(variant_, message));
  const std::lock_guard lock(mutex_);
  if (ask.client && !have_client_) {
    have_client_ = true;
    client_ = *std::move(ask.client);
  }
  if (ask.refusal && subscription_.Awaits(ask.nonce)) {
    LogRefusal(ask);
  }
  return subscription_.Take(ask);
}

void Session::Attested(const attestor::AttestedWorkload& workload) {
  const std::lock_guard lock(mutex_);
  workload_ = workload.description;
}

void Session::Write(const svids::Update& state) {
  const std::lock_guard lock(mutex_);
  if (call_->queued_bytes() > 0) {
    blocked_ = true;  // if the queue is empty by now, whoever tells so waits for the lock
    return;
  }
  Secrets secrets(*state.holdings, client_, world_.shop);
  const Subscription::Next next = subscription_.Advance(secrets, NewNonce());
  if (!next.missing.empty()) {
    LogMissing(next, secrets);
    if (world_.shop.options.strict) {
      call_->Finish(
          {Code::kInvalidArgument, "workload is not authorized for the requested identities [" +
                                       Shown(next) + "]; it could ask for " + secrets.Menu()});
      return;
    }
  }
  if (!next.empty()) {
    call_->Write(WriteAnswer(variant_, next.answer));
  }
  if (closing_) {
    call_->Finish({});
  }
}

void Session::Close() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
}

bool Session::Unblock() {
  const std::lock_guard lock(mutex_);
  return std::exchange(blocked_, false);
}

void Session::LogMissing(const Subscription::Next& next, Secrets& secrets) {
  if (++missing_logged_ > kMaxMissingLines) {
    return;
  }
  world_.logger.Info(world_.shop.options.strict
                         ? "SDS names that are not served; the stream ends"
                         : "SDS names that are not served; they will be once they are there",
                     {{"workload", workload_},
                      {"node", client_.node_id},
                      {"names", Shown(next)},
                      {"reason", next.missing.front().second},
                      {"could_ask", secrets.Menu()}});
}

void Session::LogRefusal(const Ask& ask) {
  world_.logger.Warn("SDS client refuses what it was sent",
                     {{"workload", workload_}, {"node", client_.node_id}, {"says", *ask.refusal}});
}

std::string Session::NewNonce() {
  Bytes nonce(kNonceBytes);
  world_.random.Fill(nonce);
  return HexEncode(nonce);
}

Session::Description Session::Describe() const {
  const std::lock_guard lock(mutex_);
  return {.variant = variant_, .node_id = client_.node_id, .rows = subscription_.Rows()};
}

bool Session::refuses() const {
  const std::lock_guard lock(mutex_);
  return subscription_.refuses();
}

bool Session::Wants(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return subscription_.Wants(name);
}

}  // namespace signet::sds
