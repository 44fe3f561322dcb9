// STATE/run/control: one request and one answer per connection of the command line tool (docs/wire.md section 3). Only the
// owner and root may connect. A request has 5 s to come and 48 KiB at most.
#pragma once
#include <functional>
#include <memory>

#include "net/channel.h"
#include "net/loop.h"
#include "net/stream.h"
#include "wire/schema.h"

namespace bz::app {

// The connection that waits for the answer: answer it here, or give it to a role.
class ControlReply {
 public:
  ControlReply(net::TaskGroup& tasks, std::unique_ptr<net::Stream> stream) : tasks_(tasks), stream_(std::move(stream)) {}
  void answer(const wire::ControlAnswer& answer);
  Result<net::OwnedFd> give_away();  // our end is closed, the new descriptor lives on

 private:
  net::TaskGroup& tasks_;
  std::unique_ptr<net::Stream> stream_;
};

class ControlSocket {
 public:
  using Handler = std::function<void(wire::ControlRequest, ControlReply)>;
  // `fd` listens; owned.
  ControlSocket(net::Loop& loop, int fd, Handler handler);

 private:
  Task<void> serve(std::unique_ptr<net::Stream> stream);

  net::Loop& loop_;
  Handler handler_;
  net::TaskGroup tasks_;
  net::Listener listener_;
};

}  // namespace bz::app
