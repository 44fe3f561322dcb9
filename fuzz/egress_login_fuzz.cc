// rooms: base model crypto sasl smtp imap wire net egress
// A hostile server during our login: how its bytes are cut does not matter, nothing of the password goes out in clear, and
// what we say stays short.
#include <cstdlib>
#include <memory>
#include <string>

#include "egress/imap_login.h"
#include "egress/pop3_login.h"
#include "egress/smtp_login.h"

namespace {
using namespace bz::egress;
constexpr std::string_view kPassword = "s3cretpw";

struct End {
  Verdict verdict;
  std::string reason, said;
  bool operator==(const End&) const = default;
};

std::unique_ptr<LoginMachine> make(unsigned kind, LoginPlan plan, bz::base::Random& random) {
  if (kind == 1) return std::make_unique<Pop3Login>(std::move(plan), random);
  if (kind == 2) return std::make_unique<SmtpLogin>(std::move(plan), random);
  return std::make_unique<ImapLogin>(std::move(plan), random);
}

// Every line is a piece of its own, because what stands behind the answer to STARTTLS ends the login by intent.
End play(std::string_view input, unsigned choice, size_t piece) {
  bz::base::SeededRandom random(1);
  LoginPlan plan;
  plan.user = "ana";
  plan.password = bz::Secret(std::string(kPassword));
  plan.hello = "fuzz";
  plan.xclient = "ADDR=192.0.2.1";
  plan.id = {{"x-originating-ip", "192.0.2.1"}};
  plan.starttls = (choice & 4) != 0;
  plan.tls = !plan.starttls;
  if ((choice & 8) != 0) plan.authzid = "ben";
  auto machine = make(choice & 3, std::move(plan), random);
  bool tls = (choice & 4) == 0;
  End end{};
  while (!input.empty() && machine->want() != LoginMachine::Want::Done) {
    auto line = input.substr(0, std::min(input.find('\n'), input.size() - 1) + 1);
    input.remove_prefix(line.size());
    while (!line.empty()) {
      machine->input(line.substr(0, piece));
      line.remove_prefix(std::min(piece, line.size()));
      // PBKDF2 is slow, and what the fuzzer could learn there it learns in sasl.
      if (machine->want() == LoginMachine::Want::Work) machine->work_done(std::string("proof"));
    }
    std::string out = machine->take_output();
    if (!tls && (out.find(kPassword) != out.npos || out.find("AUTH") != out.npos || out.find("LOGIN ") != out.npos))
      std::abort();
    end.said += out;
    if (machine->want() == LoginMachine::Want::Handshake) {
      tls = true;
      machine->tls_started();
      end.said += machine->take_output();
    }
  }
  if (end.said.size() > 400'000) std::abort();
  machine->lost(bz::fail(bz::Errc::Closed, "end"));
  end.verdict = machine->verdict();
  end.reason = machine->reason();
  if (end.reason.find_first_of("\r\n") != std::string::npos || end.reason.find(kPassword) != std::string::npos)
    std::abort();
  if (auto* imap = dynamic_cast<ImapLogin*>(machine.get())) {
    if (imap->capabilities().find_first_of("]\r\n\"") != std::string::npos) std::abort();
  }
  return end;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (play(input, data[0], 1) != play(input, data[0], size)) std::abort();
  return 0;
}
