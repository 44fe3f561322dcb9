// For the tests of this room: a scripted server on the other side of a login machine.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/env.h"
#include "egress/login_machine.h"

namespace bz::egress::test {

// What the server says, and what must have been said to it before. "<TLS>" as `hears`: the machine wants the handshake.
struct Line {
  std::string hears, says;
};

struct Talk {
  Verdict verdict;
  std::string reason, heard, rest;
};

// Plays the script with every server line cut into pieces of `piece` bytes.
template <class Machine>
Talk play(LoginPlan plan, const std::vector<Line>& script, size_t piece, Machine** keep = nullptr) {
  static base::SeededRandom random(7);
  static std::unique_ptr<Machine> machine;
  machine = std::make_unique<Machine>(std::move(plan), random);
  Talk talk{};
  const auto listen = [&] {
    std::string out = machine->take_output();
    talk.heard += out;
    return out;
  };
  for (const Line& line : script) {
    std::string out = listen();
    if (line.hears == "<TLS>") {
      EXPECT_EQ(machine->want(), LoginMachine::Want::Handshake) << machine->reason();
      machine->tls_started();
      out = listen();
    } else {
      EXPECT_EQ(out, line.hears) << machine->reason();
    }
    for (size_t at = 0; at < line.says.size(); at += piece) machine->input(std::string_view(line.says).substr(at, piece));
    while (machine->want() == LoginMachine::Want::Work) machine->work_done(machine->work()());
  }
  talk.heard += machine->take_output();
  EXPECT_EQ(machine->want(), LoginMachine::Want::Done) << "after: " << talk.heard;
  talk.verdict = machine->verdict();
  talk.reason = machine->reason();
  talk.rest = machine->take_rest();
  if (keep != nullptr) *keep = machine.get();
  return talk;
}

inline LoginPlan plan_of(std::string user, std::string password) {
  LoginPlan plan;
  plan.user = std::move(user);
  plan.password = Secret(std::move(password));
  plan.tls = true;
  plan.hello = "mx.test";
  return plan;
}

inline const size_t kPieces[] = {1, 2, 3, 7, 100'000};

}  // namespace bz::egress::test
