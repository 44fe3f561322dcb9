// Follows what a back end says on a session of another protocol than IMAP: nothing is said for one that dies; its clients
// try again (RFC 5321 3.8). Only a session that is ended by order hears a word, if it is one for its protocol, where a line
// has ended.
#pragma once
#include <string>
#include <string_view>

#include "net/stream.h"

namespace bz::login {

class LineOutput final : public net::SpliceWitness {
 public:
  void passing(std::string_view bytes) override {
    if (!bytes.empty()) line_end_ = bytes.back() == '\n';
  }
  std::string last_words() override { return line_end_ ? farewell_ : std::string(); }
  void set_farewell(std::string line) { farewell_ = std::move(line); }

 private:
  std::string farewell_;
  bool line_end_ = true;
};

}  // namespace bz::login
