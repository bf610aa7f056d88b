#pragma once

#include "core/rpc/call.h"

namespace signet::rpc {

/// PinPeer reads who is at the other end of a connected Unix socket and pins the process with a
/// pidfd. What cannot be learned stays empty (a peer of another pid namespace has pid 0 and is
/// never Alive).
Result<PeerProcess> PinPeer(int socket);

}  // namespace signet::rpc
