// Follows what the mail store says on an IMAP session: when its process has died, the client is told BYE, but only where
// that begins a line (imap/output_tracker.h); else the connection just ends. (docs/decisions/0006)
#pragma once
#include <string>
#include <string_view>

#include "imap/output_tracker.h"
#include "net/stream.h"

namespace bz::login {

class ImapOutput final : public net::SpliceWitness {
 public:
  void passing(std::string_view bytes) override { said_.passing(bytes); }
  std::string last_words() override;  // empty: not at a line's beginning, or the back end said BYE itself
  bool at_line_start() const { return said_.at_line_start(); }
  void set_farewell(std::string reason) { farewell_ = std::move(reason); }  // why we end a session that we carry alone

 private:
  imap::OutputTracker said_;
  std::string farewell_;
};

}  // namespace bz::login
