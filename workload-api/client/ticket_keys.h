#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

#include "core/base/clock.h"
#include "core/base/random.h"

namespace signet::client {

/// TicketKeys encrypts session tickets with random keys that never leave the process. A key makes
/// tickets for an hour and reads them for one more; then it is wiped, and what it protected stays
/// protected. Safe for several threads.
class TicketKeys {
 public:
  static constexpr Duration kLifetime = std::chrono::hours(1);

  /// random must outlive this object.
  explicit TicketKeys(Random& random) : random_(random) {}
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  struct Contexts {
    EVP_CIPHER_CTX* cipher;
    EVP_MAC_CTX* mac;
  };
  /// Seal chooses key and IV for a new ticket and sets the contexts up. False: no ticket.
  bool Seal(MonoTime now, unsigned char* name, unsigned char* iv, Contexts contexts);
  /// Open sets the contexts up to read the ticket with that key's name. False: nobody knows it.
  bool Open(MonoTime now, const unsigned char* name, const unsigned char* iv, Contexts contexts);

 private:
  struct Key {
    std::array<std::uint8_t, 16> name;
    std::array<std::uint8_t, 32> cipher;
    std::array<std::uint8_t, 32> mac;
    MonoTime made;
  };
  void Rotate(MonoTime now);
  static bool Apply(const Key& key, const unsigned char* iv, Contexts contexts, bool encrypt);

  Random& random_;
  std::mutex mutex_;
  std::optional<Key> current_;
  std::optional<Key> previous_;
};

}  // namespace signet::client
