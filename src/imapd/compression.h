// COMPRESS on a session's stream (RFC 4978): reads and writes as the Stream does, compressed. What a client says in few
// octets may be much when decompressed: it is delivered in pieces of the reader's buffer, with a turn for others in
// between, and the limits of the framer hold for it as for everything else.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "imap/deflate.h"
#include "net/stream.h"

namespace bz::imapd {

class Compression {
 public:
  // The stream must live on; what was read from it before was not compressed.
  Compression(net::Stream& stream, int level) : stream_(stream), out_(level) {}
  bool has_input() const { return !input_.empty() || more_; }  // read_some() answers without waiting
  // As Stream::read_some, once. 0 and not at_end(): what came says nothing yet. Invalid: damaged.
  Task<Result<size_t>> read_some(std::span<char> out, net::Deadline deadline);
  bool at_end() const { return at_end_; }
  Task<Result<void>> write_all(std::string_view bytes, net::Deadline deadline);
  // The session is idle: gives the memory back, see imap/deflate.h.
  void rest();
  bool resting() const { return resting_; }
  size_t memory() const { return in_.memory() + out_.memory() + input_.capacity(); }

 private:
  net::Stream& stream_;
  imap::Deflater out_;
  imap::Inflater in_;
  std::string input_;  // read, and not yet decompressed
  size_t used_ = 0;    // of it
  bool more_ = false;  // the decompressor may hold more
  bool resting_ = true;
  bool at_end_ = false;  // the peer says nothing more
};

}  // namespace bz::imapd
