// rooms: base model smtp
// Replies do not depend on how they are cut, what we read we can write, and the client survives any server.
#include <cstdlib>
#include <string>
#include <vector>

#include "smtp/client_fsm.h"

namespace {
using namespace bz::smtp;

std::vector<Reply> read(std::string_view input, size_t piece_size) {
  ReplyParser parser;
  std::vector<Reply> out;
  while (!input.empty()) {
    auto piece = input.substr(0, piece_size);
    input.remove_prefix(piece.size());
    while (!piece.empty()) {
      auto reply = parser.next(piece);
      if (!reply) return out;
      if (*reply) out.push_back(**reply);
    }
  }
  return out;
}

class Exchange : public LoginExchange {
 public:
  explicit Exchange(std::string_view mechanism) : speaks_first_(mechanism == "SCRAM-SHA-256") {}
  std::optional<std::string> initial() override {
    if (speaks_first_) return "n,,";
    return std::nullopt;
  }
  bz::Result<std::string> next(std::string_view challenge) override {
    if (++steps_ > 2) return bz::fail(bz::Errc::Invalid, "no more");
    return std::string(challenge);
  }
  bool may_succeed() const override { return steps_ > 1; }

 private:
  bool speaks_first_;
  int steps_ = 0;
};

void serve(std::string_view answers, bool lmtp) {
  ClientConfig config;
  config.lmtp = lmtp;
  config.hello_name = "fuzz";
  config.credentials = ClientCredentials{"u", bz::Secret("p")};
  config.login = [](std::string_view mechanism, const ClientCredentials&) { return std::make_unique<Exchange>(mechanism); };
  ClientFsm fsm(config);
  ClientMessage message;
  message.mail.sender = Address{"a", "b"};
  message.mail.size = 3;
  message.recipients.resize(3);
  for (auto& r : message.recipients) r.recipient = Address{"c", "d"};
  for (size_t i = 0; fsm.want() != ClientFsm::Want::Closed; ++i) {
    fsm.take_output();
    switch (fsm.want()) {
      case ClientFsm::Want::Input:
        if (answers.empty()) {
          fsm.lost(Reply(451, "4.4.2", "lost"));
        } else {
          const size_t end = std::min(answers.find('\n'), answers.size() - 1) + 1;
          fsm.input(answers.substr(0, end));
          answers.remove_prefix(end);
        }
        break;
      case ClientFsm::Want::Handshake:
        fsm.tls_started();
        break;
      case ClientFsm::Want::Message:
        fsm.start(message);
        break;
      case ClientFsm::Want::Body:
        fsm.body("x\r\n");
        fsm.body_end();
        break;
      case ClientFsm::Want::Result:
        for (const auto& o : fsm.outcomes()) {
          if (o.kind == Outcome::Kind::Pending) std::abort();
        }
        fsm.next_message();
        break;
      case ClientFsm::Want::Closed:
        break;
    }
    if (i > 4 * answers.size() + 1000) std::abort();
  }
  for (const auto& o : fsm.outcomes()) {
    if (o.kind == Outcome::Kind::Pending) std::abort();
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = read(input, size + 1);
  if (read(input, 1) != whole) std::abort();
  for (const auto& reply : whole) {
    if (read(reply.encode(), 4096).size() != 1) std::abort();
    if (reply.to_string().find_first_of("\r\n") != std::string::npos) std::abort();
  }
  serve(input, false);
  serve(input, true);
  return 0;
}
