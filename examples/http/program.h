#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "workload-api/client/x509_source.h"

namespace example {

/// Say prints a line with the time in front, from any thread.
void Say(const std::string& text);

/// OpenIdentity waits until the agent, which SPIFFE_ENDPOINT_SOCKET names, gives an identity; each
/// new certificate is told.
signet::Result<std::shared_ptr<signet::client::X509Source>> OpenIdentity(
    std::chrono::seconds patience);

/// BlockSignals keeps SIGTERM and SIGINT for Wait, and ignores SIGPIPE. Before any thread starts.
void BlockSignals();
/// Wait returns true after the time, and false at a signal.
bool Wait(std::chrono::milliseconds time);

}  // namespace example
