// One role channel between hosts: frames (wire/frame.h) over a TLS stream, both ways, with a Ping every two seconds. One
// end is the connector's, the other the inside's (docs/decisions/0010-dmz-split.md). One loop.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/loop.h"
#include "net/stream.h"
#include "wire/frame.h"
#include "wire/schema.h"

namespace bz::roles {

// What a connection of the inner channel is for; each has a port of its own inside.
enum class InnerTarget : uint8_t { Auth, Mailstore, Mta, Egress };
inline constexpr InnerTarget kInnerTargets[] = {InnerTarget::Auth, InnerTarget::Mailstore, InnerTarget::Mta,
                                                InnerTarget::Egress};
std::string_view name(InnerTarget target);  // "auth": the role, and how its listener is called behind "inner."
std::optional<InnerTarget> inner_target(std::string_view role);

class InnerLink {
 public:
  // An error ends the link. Must not destroy it.
  using Take = std::function<Result<void>(wire::Frame)>;
  static constexpr size_t kMaxQueued = 4 << 20;  // bytes the other side has not taken; more ends the link
  InnerLink(std::unique_ptr<net::Stream> stream, Take take);
  // Until the other side ends, breaks the form, or says nothing for eight seconds; the value is why. Call once.
  Task<Error> run();
  void send(wire::Type type, std::string_view payload);  // queued, in order; dropped once the link is over
  void close();                                          // run() ends

 private:
  Task<void> write_out();
  void beat();
  Result<void> take_frames();

  std::unique_ptr<net::Stream> stream_;
  Take take_;
  wire::FrameReader reader_;
  std::string out_;
  bool writing_ = false, closed_ = false;
  net::Loop::Timer beat_;
  net::TaskGroup writer_;  // last: its task uses the rest
};

}  // namespace bz::roles
