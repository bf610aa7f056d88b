#pragma once

#include <openssl/bio.h>

namespace signet::rpc {

/// NewSocketBio reads and writes a non-blocking socket that somebody else owns. Unlike OpenSSL's
/// own it writes without SIGPIPE, so that a library need not change the signals of the whole
/// process. Null if memory is out.
BIO* NewSocketBio(int socket);

}  // namespace signet::rpc
