#include "workload-api/upstream/sync_entries.h"

#include <algorithm>
#include <map>
#include <optional>

#include "workload-api/upstream/convert.h"

namespace signet::upstream {
namespace {

namespace entry_v1 = spire::api::server::entry::v1;
using Stream = grpc::ClientReaderWriter<entry_v1::SyncAuthorizedEntriesRequest,
                                        entry_v1::SyncAuthorizedEntriesResponse>;

constexpr std::size_t kMaxIdsPerRequest = 5000;
constexpr std::size_t kMaxEntries = 1'000'000;

entry_v1::SyncAuthorizedEntriesRequest FirstRequest() {
  entry_v1::SyncAuthorizedEntriesRequest request;
  auto& mask = *request.mutable_output_mask();
  mask.set_spiffe_id(true);
  mask.set_selectors(true);
  mask.set_x509_svid_ttl(true);
  mask.set_federates_with(true);
  mask.set_dns_names(true);
  mask.set_revision_number(true);
  mask.set_store_svid(true);
  mask.set_hint(true);
  mask.set_created_at(true);
  return request;
}

class Exchange {
 public:
  Exchange(Stream& stream, const std::vector<svids::Entry>& known, Logger& logger)
      : stream_(stream), logger_(logger) {
    for (const svids::Entry& entry : known) {
      known_.emplace(entry.id, &entry);
    }
  }

  /// Run gives the entries, or nullopt when the stream broke (its status says why).
  std::optional<std::vector<svids::Entry>> Run() {
    entry_v1::SyncAuthorizedEntriesResponse response;
    if (!stream_.Write(FirstRequest()) || !stream_.Read(&response)) {
      return std::nullopt;
    }
    if (response.entry_revisions().empty()) {
      TakeEntries(response);
      return response.more() && !ReadEntries() ? std::nullopt : std::optional(std::move(entries_));
    }
    do {
      TakeRevisions(response);
    } while (response.more() && stream_.Read(&response));
    if (response.more() || !AskForWanted()) {
      return std::nullopt;
    }
    return std::move(entries_);
  }

 private:
  void TakeEntries(const entry_v1::SyncAuthorizedEntriesResponse& response) {
    for (const auto& sent : response.entries()) {
      if (sent.store_svid() || entries_.size() >= kMaxEntries) {
        continue;
      }
      Result<svids::Entry> entry = EntryOf(sent);
      if (!entry.ok()) {
        logger_.Warn("entry skipped", {{"entry_id", sent.id()}, {"error", entry.error()}});
        continue;
      }
      entries_.push_back(std::move(*entry));
    }
  }

  void TakeRevisions(const entry_v1::SyncAuthorizedEntriesResponse& response) {
    for (const auto& revision : response.entry_revisions()) {
      const auto known = known_.find(revision.id());
      const bool same =
          known != known_.end() && known->second->revision_number == revision.revision_number() &&
          (revision.created_at() == 0 || known->second->created_at == revision.created_at());
      if (same) {
        entries_.push_back(*known->second);
      } else if (wanted_.size() < kMaxEntries) {
        wanted_.push_back(revision.id());
      }
    }
  }

  bool AskForWanted() {
    for (std::size_t begin = 0; begin < wanted_.size(); begin += kMaxIdsPerRequest) {
      entry_v1::SyncAuthorizedEntriesRequest request;
      const std::size_t end = std::min(wanted_.size(), begin + kMaxIdsPerRequest);
      for (std::size_t i = begin; i < end; ++i) {
        request.add_ids(wanted_[i]);
      }
      if (!stream_.Write(request) || !ReadEntries()) {
        return false;
      }
    }
    return true;
  }

  bool ReadEntries() {
    entry_v1::SyncAuthorizedEntriesResponse response;
    do {
      if (!stream_.Read(&response)) {
        return false;
      }
      TakeEntries(response);
    } while (response.more());
    return true;
  }

  Stream& stream_;
  Logger& logger_;
  std::map<std::string_view, const svids::Entry*> known_;
  std::vector<std::string> wanted_;
  std::vector<svids::Entry> entries_;
};

}  // namespace

manager::Answer<std::vector<svids::Entry>> SyncEntries(entry_v1::Entry::Stub& stub,
                                                       grpc::ClientContext& context,
                                                       const std::vector<svids::Entry>& known,
                                                       Logger& logger) {
  const auto stream = stub.SyncAuthorizedEntries(&context);
  std::optional<std::vector<svids::Entry>> entries = Exchange(*stream, known, logger).Run();
  stream->WritesDone();
  if (entries) {
    // Whether the server ends the stream by itself or at our half-close, all that was asked for has
    // come.
    context.TryCancel();
    (void)stream->Finish();
    return {std::move(*entries)};
  }
  const grpc::Status status = stream->Finish();
  return status.ok() ? manager::Answer<std::vector<svids::Entry>>{Unavailable(
                           "the server ended the sync too early")}
                     : FailureOf<std::vector<svids::Entry>>(status);
}

}  // namespace signet::upstream
