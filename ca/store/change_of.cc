#include "ca/store/change_of.h"

namespace signet::store {
namespace {

using Kind = Change::Kind;

Change Describe(const PutEntry& w) { return {.kind = Kind::kEntry, .key = w.entry.id}; }
Change Describe(const DeleteEntry& w) { return {.kind = Kind::kEntry, .key = w.id}; }
Change Describe(const PutAgent& w) { return {.kind = Kind::kAgent, .key = w.agent.id.ToString()}; }
Change Describe(const DeleteAgent& w) { return {.kind = Kind::kAgent, .key = w.id.ToString()}; }
Change Describe(const PutBundle& w) {
  return {.kind = Kind::kBundle, .key = w.bundle.bundle.trust_domain.name()};
}
Change Describe(const DeleteBundle& w) {
  return {.kind = Kind::kBundle, .key = w.trust_domain.name()};
}
Change Describe(const PutJoinToken&) { return {.kind = Kind::kJoinToken, .key = {}}; }
Change Describe(const TakeJoinToken&) { return {.kind = Kind::kJoinToken, .key = {}}; }
Change Describe(const PutJournal&) { return {.kind = Kind::kJournal, .key = {}}; }

}  // namespace

Change ChangeOf(const Write& write) {
  return std::visit([](const auto& w) { return Describe(w); }, write);
}

std::int64_t RowOf(const Write& write) {
  if (const auto* entry = std::get_if<PutEntry>(&write)) {
    return entry->entry.row;
  }
  if (const auto* agent = std::get_if<PutAgent>(&write)) {
    return agent->agent.row;
  }
  if (const auto* bundle = std::get_if<PutBundle>(&write)) {
    return bundle->bundle.row;
  }
  return 0;
}

Status CheckRow(const Write& write) {
  const bool has_row = std::holds_alternative<PutEntry>(write) ||
                       std::holds_alternative<PutAgent>(write) ||
                       std::holds_alternative<PutBundle>(write);
  if (has_row && RowOf(write) <= 0) {
    return InvalidArgument("writing " + ChangeOf(write).key + ": its row is not above 0");
  }
  return {};
}

Error ForgottenChanges(std::uint64_t revision) {
  return {Code::kOutOfRange, "changes after revision " + std::to_string(revision) +
                                 " are no longer kept; load everything instead"};
}

}  // namespace signet::store
