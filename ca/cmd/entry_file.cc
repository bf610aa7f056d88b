#include "ca/cmd/entry_file.h"

#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "ca/cmd/commands.h"
#include "core/config/schema.h"
#include "core/spiffe/trust_domain.h"
#include "spire/api/types/entry.pb.h"

namespace signet::ca_cmd {
namespace {

using Json = nlohmann::json;
using spire::api::types::Entry;

// Reader fills one entry from one member's value.
using Reader = std::function<Status(const Json&, Entry&)>;

Result<std::string> Text(const Json& value) {
  if (!value.is_string()) {
    return InvalidArgument("expects a string");
  }
  return value.get<std::string>();
}

Result<bool> Truth(const Json& value) {
  if (!value.is_boolean()) {
    return InvalidArgument("expects true or false");
  }
  return value.get<bool>();
}

Result<std::int64_t> Whole(const Json& value, std::int64_t max) {
  if (!value.is_number_integer() || value < 0 || value > max) {
    return InvalidArgument("expects a whole number from 0 to " + std::to_string(max));
  }
  return value.get<std::int64_t>();
}

// EachText calls add for every string of a list.
Status EachText(const Json& value, const std::function<Status(const std::string&)>& add) {
  if (!value.is_array()) {
    return InvalidArgument("expects a list of strings");
  }
  for (const Json& item : value) {
    SIGNET_TRY_ASSIGN(const std::string text, Text(item));
    SIGNET_TRY(add(text));
  }
  return {};
}

Status ReadSelectors(const Json& value, Entry& entry) {
  if (!value.is_array()) {
    return InvalidArgument("expects a list of {\"type\": …, \"value\": …}");
  }
  for (const Json& item : value) {
    if (!item.is_object() || item.size() != 2 || !item.contains("type") ||
        !item.contains("value")) {
      return InvalidArgument("expects a list of {\"type\": …, \"value\": …}");
    }
    SIGNET_TRY_ASSIGN(const std::string type, Text(item["type"]));
    SIGNET_TRY_ASSIGN(const std::string text, Text(item["value"]));
    SIGNET_TRY(ParseSelector(type + ":" + text, *entry.add_selectors()));
  }
  return {};
}

Status ReadAttributes(const Json& value, Entry& entry) {
  if (!value.is_object()) {
    return InvalidArgument("expects an object");
  }
  auto* attributes = entry.mutable_additional_attributes();
  for (const auto& [name, member] : value.items()) {
    SIGNET_TRY_ASSIGN(const bool truth, Truth(member));
    if (name == "disable_x509_svid_prefetch") {
      attributes->set_disable_x509_svid_prefetch(truth);
    } else if (name == "jwt_svid_include_jti") {
      attributes->set_jwt_svid_include_jti(truth);
    } else {
      return InvalidArgument("unknown member \"" + name + "\"");
    }
  }
  return {};
}

Reader TextReader(void (*set)(Entry&, std::string)) {
  return [set](const Json& value, Entry& entry) -> Status {
    SIGNET_TRY_ASSIGN(std::string text, Text(value));
    set(entry, std::move(text));
    return {};
  };
}

Reader TruthReader(void (*set)(Entry&, bool)) {
  return [set](const Json& value, Entry& entry) -> Status {
    SIGNET_TRY_ASSIGN(const bool truth, Truth(value));
    set(entry, truth);
    return {};
  };
}

Reader TtlReader(void (*set)(Entry&, std::int32_t)) {
  return [set](const Json& value, Entry& entry) -> Status {
    SIGNET_TRY_ASSIGN(const std::int64_t seconds,
                      Whole(value, std::numeric_limits<std::int32_t>::max()));
    set(entry, static_cast<std::int32_t>(seconds));
    return {};
  };
}

Status ReadExpiry(const Json& value, Entry& entry) {
  SIGNET_TRY_ASSIGN(const std::int64_t seconds,
                    Whole(value, std::numeric_limits<std::int64_t>::max()));
  entry.set_expires_at(seconds);
  return {};
}

Status Ignore(const Json&, Entry&) { return {}; }

Status ReadFederatesWith(const Json& value, Entry& entry) {
  return EachText(value, [&](const std::string& text) -> Status {
    SIGNET_TRY_ASSIGN(const auto trust_domain, spiffe::TrustDomain::ParseNameOrId(text));
    entry.add_federates_with(trust_domain.name());
    return {};
  });
}

Status ReadDnsNames(const Json& value, Entry& entry) {
  return EachText(value, [&](const std::string& text) -> Status {
    entry.add_dns_names(text);
    return {};
  });
}

Status ReadSpiffeId(const Json& value, Entry& entry) {
  SIGNET_TRY_ASSIGN(const std::string text, Text(value));
  return ParseId(text, *entry.mutable_spiffe_id());
}

Status ReadParentId(const Json& value, Entry& entry) {
  SIGNET_TRY_ASSIGN(const std::string text, Text(value));
  return ParseId(text, *entry.mutable_parent_id());
}

const std::map<std::string, Reader>& Readers() {
  static const std::map<std::string, Reader> readers = {
      {"spiffe_id", ReadSpiffeId},
      {"parent_id", ReadParentId},
      {"selectors", ReadSelectors},
      {"federates_with", ReadFederatesWith},
      {"dns_names", ReadDnsNames},
      {"additional_attributes", ReadAttributes},
      {"entry_id", TextReader([](Entry& e, std::string v) { e.set_id(std::move(v)); })},
      {"hint", TextReader([](Entry& e, std::string v) { e.set_hint(std::move(v)); })},
      {"x509_svid_ttl", TtlReader([](Entry& e, std::int32_t v) { e.set_x509_svid_ttl(v); })},
      {"jwt_svid_ttl", TtlReader([](Entry& e, std::int32_t v) { e.set_jwt_svid_ttl(v); })},
      {"admin", TruthReader([](Entry& e, bool v) { e.set_admin(v); })},
      {"downstream", TruthReader([](Entry& e, bool v) { e.set_downstream(v); })},
      {"store_svid", TruthReader([](Entry& e, bool v) { e.set_store_svid(v); })},
      {"entryExpiry", ReadExpiry},
      // The server's own bookkeeping, which files made from its answers carry.
      {"revision_number", Ignore},
      {"created_at", Ignore},
  };
  return readers;
}

Status ReadEntry(const Json& json, Entry& entry) {
  if (!json.is_object()) {
    return InvalidArgument("expects an object");
  }
  for (const auto& [name, value] : json.items()) {
    const auto reader = Readers().find(name);
    if (reader == Readers().end()) {
      std::vector<std::string> names;
      for (const auto& [known, unused] : Readers()) {
        names.push_back(known);
      }
      const std::string near = config::Nearest(name, names);
      return InvalidArgument("unknown member \"" + name + "\"" +
                             (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
    }
    SIGNET_TRY(reader->second(value, entry).Context(name));
  }
  for (const char* required : {"spiffe_id", "parent_id", "selectors"}) {
    if (!json.contains(required)) {
      return InvalidArgument(std::string(required) + " is missing");
    }
  }
  return {};
}

// RefuseTwice gives a parser callback that remembers a member that an object has twice and a depth
// that no entry needs.
struct StrictParse {
  std::vector<std::map<std::string, int>> seen;
  std::string problem;

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    constexpr int kMaxDepth = 8;
    if (event == Json::parse_event_t::object_start) {
      seen.emplace_back();
    } else if (event == Json::parse_event_t::object_end && !seen.empty()) {
      seen.pop_back();
    } else if (event == Json::parse_event_t::key && ++seen.back()[parsed.get<std::string>()] > 1) {
      problem = "member \"" + parsed.get<std::string>() + "\" is there twice";
    }
    if (depth > kMaxDepth) {
      problem = "nested too deep";
    }
    return problem.empty();
  }
};

// ParseObject gives the list that the one member `name` of a JSON object holds.
Result<Json> ParseList(std::string_view text, const std::string& name) {
  StrictParse strict;
  Json json;
  try {
    json = Json::parse(text, std::ref(strict));
  } catch (const Json::exception& error) {
    const std::string_view what = error.what();
    return InvalidArgument("not valid JSON: " + std::string(what.substr(what.find("] ") + 2)));
  }
  if (!strict.problem.empty()) {
    return InvalidArgument(strict.problem);
  }
  if (!json.is_object() || json.size() != 1 || !json.contains(name) || !json[name].is_array()) {
    return InvalidArgument("expects {\"" + name + "\": […]} and nothing else");
  }
  return std::move(json[name]);
}

}  // namespace

Result<std::vector<Entry>> ParseEntryFile(std::string_view json) {
  SIGNET_TRY_ASSIGN(const Json list, ParseList(json, "entries"));
  std::vector<Entry> entries(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    SIGNET_TRY(ReadEntry(list[i], entries[i]).Context("entries[" + std::to_string(i) + "]"));
  }
  return entries;
}

Result<std::vector<std::string>> ParseIdFile(std::string_view json) {
  SIGNET_TRY_ASSIGN(const Json list, ParseList(json, "ids"));
  std::vector<std::string> ids;
  SIGNET_TRY(EachText(list, [&](const std::string& id) -> Status {
               ids.push_back(id);
               return {};
             }).Context("ids"));
  return ids;
}

}  // namespace signet::ca_cmd
