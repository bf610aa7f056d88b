#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ca/rpc/convert.h"
#include "ca/rpc/method_tables.h"
#include "ca/rpc/strand.h"
#include "ca/rpc/unary.h"
#include "spire/api/server/entry/v1/entry.pb.h"

namespace signet::ca_rpc {
namespace {

namespace api = spire::api::server::entry::v1;

/// kPageSize is the API's constant: up to so many entries come without a round of revisions.
constexpr std::size_t kPageSize = 500;
/// kMaxQueued is how far the answers may run ahead of a slow reader.
constexpr std::size_t kMaxQueued = 256 * 1024;

/// SyncCall is one SyncAuthorizedEntries stream (spire-api §7.2):
///
///     first request (mask) → ≤ 500 entries: all of them, end
///                          → more: pages of revisions; then for each request (ids) pages of those
///
/// The authorized set is the one at the open. Everything but parsing runs on the strand.
class SyncCall : public std::enable_shared_from_this<SyncCall> {
 public:
  SyncCall(Services& services, std::shared_ptr<rpc::Call> call)
      : services_(services),
        call_(std::move(call)),
        strand_(std::make_shared<Strand>(services.pool)) {}

  void Message(std::string_view raw) {
    auto request = std::make_shared<api::SyncAuthorizedEntriesRequest>();
    if (!request->ParseFromArray(raw.data(), static_cast<int>(raw.size()))) {
      call_->Finish({Code::kInternal, "request message does not parse"});
      return;
    }
    Post([self = shared_from_this(), request] { self->Step(*request); });
  }
  void HalfClose() {
    Post([self = shared_from_this()] {
      self->ending_ = true;
      self->Pump();
    });
  }
  void Writable() {
    Post([self = shared_from_this()] { self->Pump(); });
  }

 private:
  void Post(std::function<void()> step) {
    if (!strand_->Post(std::move(step))) {
      call_->Finish({Code::kResourceExhausted, "server is busy; try again"});
    }
  }

  void Step(const api::SyncAuthorizedEntriesRequest& request) {
    if (call_->over()) {
      return;
    }
    Status status = opened_ ? Select(request) : Open(request);
    if (!status.ok()) {
      call_->Finish(rpc::RpcStatus::Of(status));
      return;
    }
    Pump();
  }

  Status Open(const api::SyncAuthorizedEntriesRequest& request) {
    opened_ = true;
    if (request.ids_size() > 0) {
      return InvalidArgument("specifying IDs on initial request is not supported");
    }
    if (request.has_output_mask()) {
      if (!request.output_mask().revision_number()) {
        return InvalidArgument("revision number cannot be masked");
      }
      mask_ = request.output_mask();
    }
    SIGNET_TRY_ASSIGN(const spiffe::SpiffeId agent, AgentOf(services_, call_->info()));
    SIGNET_TRY_ASSIGN(authorized_, services_.entries.Authorized(agent));
    page_ = authorized_;
    revisions_ = authorized_.size() > kPageSize;
    ending_ = !revisions_;
    pages_left_ = true;
    return {};
  }

  /// Select queues the entries that the agent asks for; unknown ones are skipped.
  Status Select(const api::SyncAuthorizedEntriesRequest& request) {
    if (pages_left_) {
      return InvalidArgument("the answer to the request before has not been read to its end");
    }
    if (by_id_.empty()) {
      for (const service::EntryPtr& entry : authorized_) {
        by_id_.emplace(entry->id, entry);
      }
    }
    page_.clear();
    for (const std::string& id : request.ids()) {
      if (const auto found = by_id_.find(id); found != by_id_.end()) {
        page_.push_back(found->second);
      }
    }
    next_ = 0;
    revisions_ = false;
    pages_left_ = true;
    return {};
  }

  /// Pump writes pages until the reader is behind; OnWritable goes on.
  void Pump() {
    while (pages_left_ && !call_->over() && call_->queued_bytes() < kMaxQueued) {
      WritePage();
    }
    if (!pages_left_ && ending_) {
      call_->Finish({});
    }
  }

  void WritePage() {
    const std::size_t end = std::min(next_ + kPageSize, page_.size());
    api::SyncAuthorizedEntriesResponse response;
    for (; next_ < end; ++next_) {
      const store::Entry& entry = *page_[next_];
      if (revisions_) {
        auto* revision = response.add_entry_revisions();
        revision->set_id(entry.id);
        revision->set_revision_number(entry.revision_number);
        revision->set_created_at(entry.created_at);
      } else {
        SetEntry(response.add_entries(), entry, mask_ ? &*mask_ : nullptr);
      }
    }
    pages_left_ = next_ < page_.size();
    response.set_more(pages_left_);
    call_->Write(std::make_shared<const std::string>(response.SerializeAsString()));
  }

  Services& services_;
  const std::shared_ptr<rpc::Call> call_;
  const std::shared_ptr<Strand> strand_;
  bool opened_ = false;  // strand alone, as all that follows
  bool ending_ = false;  ///< finish after the last page
  std::optional<types::EntryMask> mask_;
  std::vector<service::EntryPtr> authorized_;
  std::unordered_map<std::string, service::EntryPtr> by_id_;
  std::vector<service::EntryPtr> page_;  ///< what is being answered
  std::size_t next_ = 0;
  bool revisions_ = false;
  bool pages_left_ = false;
};

class SyncHandler final : public rpc::CallHandler {
 public:
  explicit SyncHandler(std::shared_ptr<SyncCall> call) : call_(std::move(call)) {}
  void OnMessage(std::string_view message) override { call_->Message(message); }
  void OnHalfClose() override { call_->HalfClose(); }
  void OnWritable() override { call_->Writable(); }

 private:
  const std::shared_ptr<SyncCall> call_;
};

}  // namespace

void AddSyncMethod(rpc::MethodTable& table, Services& services) {
  table.Add(
      "/spire.api.server.entry.v1.Entry/SyncAuthorizedEntries",
      [&services](std::shared_ptr<rpc::Call> call) -> std::unique_ptr<rpc::CallHandler> {
        return std::make_unique<SyncHandler>(std::make_shared<SyncCall>(services, std::move(call)));
      });
}

}  // namespace signet::ca_rpc
