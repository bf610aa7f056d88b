#include <unordered_map>

#include "ca/store/tables.h"

namespace signet::store {
namespace {

// Columns in the order of LoadAgents' SELECT.
Result<Agent> ReadAgent(const Statement& s) {
  SIGNET_TRY_ASSIGN(auto id, spiffe::SpiffeId::Parse(s.Text(1)));
  return Agent{.row = s.Int(0),
               .id = std::move(id),
               .attestation_type = s.Text(2),
               .serial = s.Text(3),
               .not_after = s.Int(4),
               .pending_serial = s.Text(5),
               .pending_not_after = s.Int(6),
               .can_reattest = s.Int(7) != 0,
               .version = s.Text(8)};
}

Status LoadSelectors(Db& db, std::vector<Agent>& agents) {
  std::unordered_map<std::int64_t, Agent*> by_row;
  for (auto& agent : agents) {
    by_row.emplace(agent.row, &agent);
  }
  return EachRow(
      db.Query("SELECT agent_row, type, value FROM agent_selectors ORDER BY agent_row, position"),
      [&](const Statement& s) -> Status {
        const auto found = by_row.find(s.Int(0));
        if (found == by_row.end()) {
          return DataLoss("row " + std::to_string(s.Int(0)) + " of the agents is missing");
        }
        found->second->selectors.push_back({s.Text(1), s.Text(2)});
        return {};
      });
}

}  // namespace

Status PutAgentRow(Db& db, const Agent& agent) {
  SIGNET_TRY(DeleteAgentRow(db, agent.id));
  SIGNET_TRY(db.Run("INSERT INTO agents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", agent.row,
                    agent.id.ToString(), agent.attestation_type, agent.serial, agent.not_after,
                    agent.pending_serial, agent.pending_not_after, agent.can_reattest,
                    agent.version));
  std::int64_t position = 0;
  for (const auto& selector : agent.selectors) {
    SIGNET_TRY(db.Run("INSERT INTO agent_selectors VALUES (?, ?, ?, ?)", agent.row, position++,
                      selector.type, selector.value));
  }
  return {};
}

Status DeleteAgentRow(Db& db, const spiffe::SpiffeId& id) {
  return db.Run("DELETE FROM agents WHERE id = ?", id.ToString());
}

Result<std::vector<Agent>> LoadAgents(Db& db) {
  std::vector<Agent> agents;
  SIGNET_TRY(EachRow(db.Query("SELECT row, id, attestation_type, serial, not_after, pending_serial,"
                              " pending_not_after, can_reattest, version FROM agents ORDER BY row"),
                     [&](const Statement& s) -> Status {
                       auto agent = ReadAgent(s);
                       if (!agent.ok()) {
                         return DataLoss("agent " + s.Text(1) + ": " + agent.error().message);
                       }
                       agents.push_back(std::move(agent).value());
                       return {};
                     }));
  SIGNET_TRY(LoadSelectors(db, agents));
  return agents;
}

}  // namespace signet::store
