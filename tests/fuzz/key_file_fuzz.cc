// Whatever the key file's reader accepts is what its writer gives, byte for byte.
#include "ca/issuance/key_file.h"
#include "core/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const signet::ByteView text(data, size);
  const auto keys = signet::issuance::ParseKeyFile(text);
  if (keys.ok()) {
    const signet::Secret written = signet::issuance::WriteKeyFile(*keys);
    SIGNET_CHECK(signet::Equal(written.RevealSecret(), text), "a second spelling was accepted");
  }
  return 0;
}
