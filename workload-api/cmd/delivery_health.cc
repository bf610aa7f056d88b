#include "workload-api/cmd/delivery_health.h"

#include <nlohmann/json.hpp>

namespace signet::agent_cmd {
namespace {

using Json = nlohmann::ordered_json;

Json TargetJson(const delivery::TargetHealth& target) {
  Json out = {{"state", delivery::ConditionName(target.condition)}, {"ready", target.ready}};
  const auto add = [&out](const char* key, const std::string& text) {
    if (!text.empty()) {
      out[key] = text;
    }
  };
  add("error", target.problem);
  add("spiffe_id", target.spiffe_id);
  add("serial", target.serial);
  add("not_after", target.generation.empty() ? "" : FormatTime(target.not_after));
  add("generation", target.generation);
  add("last_success", target.last_success ? FormatTime(*target.last_success) : "");
  return out;
}

}  // namespace

std::string HealthJson(const delivery::Health& health, const std::string& source_problem) {
  Json targets = Json::object();
  for (const delivery::TargetHealth& target : health.targets) {
    targets[target.name] = TargetJson(target);
  }
  Json out = {{"live", health.live}, {"ready", health.ready}, {"targets", std::move(targets)}};
  if (!source_problem.empty()) {
    out["source_error"] = source_problem;
  }
  // What servers and agents have said may not be UTF-8.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string BriefHealthJson(const delivery::Health& health) {
  return Json{{"live", health.live}, {"ready", health.ready}}.dump() + "\n";
}

}  // namespace signet::agent_cmd
