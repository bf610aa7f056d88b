#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "workload-api/reload/action.h"

namespace signet::reload {

using MadeAction = Result<std::unique_ptr<Action>>;

template <class Kind, class... Arguments>
MadeAction Made(Arguments&&... arguments) {
  return std::unique_ptr<Action>(new Kind(std::forward<Arguments>(arguments)...));
}

// One maker a kind. MakeAction has seen to it that required fields are there and others are not.
MadeAction MakeSignalAction(const ActionSpec& spec);
MadeAction MakePostgresqlAction(const ActionSpec& spec);
MadeAction MakeExecAction(const ActionSpec& spec);
MadeAction MakeSystemdAction(const ActionSpec& spec);
MadeAction MakeMariadbAction(const ActionSpec& spec);
MadeAction MakeRabbitmqAction(const ActionSpec& spec);
MadeAction MakeHaproxyAction(const ActionSpec& spec);
MadeAction MakeRedisAction(const ActionSpec& spec);
MadeAction MakeCaddyAction(const ActionSpec& spec);

/// CheckAbsolutePath wants an absolute path without NUL or line breaks.
Status CheckAbsolutePath(std::string_view field, const std::string& path);

/// PathOf finds the path of the target's file that has a role; empty if no file has it.
/// INVALID_ARGUMENT if the target has no file of that name.
Result<std::string> PathOf(const ActionSpec& spec, const std::string& role,
                           const Action::Files& files);

/// OneLine makes what a server or program said fit for logs and terminals: its beginning,
/// printable, on one line.
std::string OneLine(std::string_view said, std::size_t max);

}  // namespace signet::reload
