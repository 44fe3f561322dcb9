// A descriptor on its way from one process to another with the bytes of a plain unix stream socket (unix(7), SCM_RIGHTS).
#pragma once
#include <span>
#include <string_view>

#include "net/stream.h"
#include "os/fd.h"

namespace bz::net {

// These bytes and a copy of `fd`, at once and whole; `stream` has nothing else to say yet. Limit: more bytes than the
// socket takes at once; Closed.
Result<void> send_with(const Stream& stream, std::string_view bytes, int fd);
// As stream.read_some(); a descriptor that comes with the bytes, one at most, is put into `came`.
Task<Result<size_t>> read_with(Stream& stream, std::span<char> out, os::Fd& came, Deadline deadline);
// Ends the connection both ways for everybody who has the socket; what the peer has said can still be read.
void hang_up(int socket);

}  // namespace bz::net
