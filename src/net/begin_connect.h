// Outward connections in two halves, so that one process may ask the kernel for the connection and another, which may not,
// use it: the supervisor begins those of the inner channel, the connector finishes them.
#pragma once
#include "net/stream.h"
#include "os/fd.h"

namespace bz::net {

// A socket that is connecting. Never blocks; `to` is numeric.
Result<os::Fd> begin_connect(const Endpoint& to);
// Waits until it is connected. `to` is for the error's text.
Task<Result<std::unique_ptr<Stream>>> finish_connect(Loop& loop, os::Fd fd, Endpoint to, Deadline deadline);

// A peer that has vanished without a word (a firewall that drops, a cut cable) is noticed within half a minute, whether
// something waits to be sent or not.
void notice_silence(int fd);

}  // namespace bz::net
