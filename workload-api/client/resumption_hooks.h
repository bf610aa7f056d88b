#pragma once

#include <openssl/ssl.h>

#include "core/base/result.h"
#include "workload-api/client/tls_binding.h"

namespace signet::client {

/// AllowServerResumption and AllowClientResumption set a bound context up for Resumption::kEpoch.
/// The server keeps nothing: what it needs to know is in the ticket. Call them after the context's
/// other settings.
Status AllowServerResumption(SSL_CTX* context, Binding& binding);
void AllowClientResumption(SSL_CTX* context);

}  // namespace signet::client
