// Channel: messages between roles over a unix SOCK_SEQPACKET pair. One message is one datagram: a type byte, a payload of
// at most 60 KiB and up to 8 descriptors (SCM_RIGHTS). Payloads are records of wire/schema. A peer is another role: its
// bytes are refused, never trusted.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/loop.h"
#include "os/fd.h"

namespace bz::net {

using OwnedFd = os::Fd;

struct Message {
  uint8_t type = 0;
  std::string payload;
  std::vector<OwnedFd> fds;
};

class Channel {
 public:
  static constexpr size_t kMaxPayload = 60 << 10;
  static constexpr size_t kMaxQueued = 4096;  // messages waiting for the peer to read; beyond it the channel is closed
  // Both callbacks run on the loop. on_close runs once, with the reason, when the peer is gone or broke the form;
  // afterwards send() fails.
  Channel(Loop& loop, OwnedFd fd, std::function<void(Message)> on_message, std::function<void(Error)> on_close);
  ~Channel();
  // Queued and sent in order; never blocks. Closed: the peer is gone. TooLarge: payload.
  Result<void> send(uint8_t type, std::string_view payload, std::vector<OwnedFd> fds = {});
  bool open() const;

  static Result<std::pair<OwnedFd, OwnedFd>> pair();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with a callback that is running
};

}  // namespace bz::net
