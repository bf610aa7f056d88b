#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "workload-api/client/x509_source.h"

namespace example {

/// Say prints a line with the time in front, from any thread.
void Say(const std::string& text);

/// OpenIdentity waits until the agent gives an identity; each new certificate is told.
signet::Result<std::shared_ptr<signet::client::X509Source>> OpenIdentity(
    std::chrono::seconds patience);

/// BlockSignals keeps SIGTERM and SIGINT for WaitForEnd. Before any thread starts.
void BlockSignals();
/// WaitForEnd returns after the time (0: never) or at a signal.
void WaitForEnd(std::chrono::seconds time);

}  // namespace example
