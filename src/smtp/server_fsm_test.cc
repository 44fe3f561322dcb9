#include "smtp/server_fsm.h"

#include <gtest/gtest.h>

#include <map>

namespace bz::smtp {
namespace {

using A = ServerAction;
using E = ServerEvent;
using S = ServerState;

ServerOptions everything(ServerMode mode) {
  return {.mode = mode, .greeted = false, .authenticated = true, .offers_starttls = true, .offers_auth = false};
}

void accept(ServerFsm& fsm, A action) {
  if (action == A::Mail) return fsm.accept(MailFrom{});
  if (action == A::Rcpt) return fsm.accept(RcptTo{});
  fsm.accept();
}

E hello(ServerMode mode) { return mode == ServerMode::Lmtp ? E::Lhlo : E::Ehlo; }

ServerFsm in_state(S state, ServerOptions options) {
  const std::map<S, std::vector<E>> path = {{S::Fresh, {}},
                                            {S::Greeted, {hello(options.mode)}},
                                            {S::Sender, {hello(options.mode), E::Mail}},
                                            {S::Recipients, {hello(options.mode), E::Mail, E::Rcpt}},
                                            {S::Data, {hello(options.mode), E::Mail, E::Rcpt, E::Data}},
                                            {S::Chunks, {hello(options.mode), E::Mail, E::Rcpt, E::Bdat}},
                                            {S::Closed, {E::Quit}}};
  ServerFsm fsm(options);
  for (const E event : path.at(state)) accept(fsm, fsm.on(event).action);
  EXPECT_EQ(fsm.state(), state);
  return fsm;
}

// The whole table, written a second time and the other way round: for each event the state it leads to from Fresh, Greeted,
// Sender, Recipients, Data, Chunks, Closed. '-' is a refusal.
TEST(ServerFsm, EveryEventInEveryState) {
  const std::map<E, const char*> expected = {{E::Helo, "GGGG-G-"},    {E::Ehlo, "GGGG-G-"},      {E::Lhlo, "-------"},
                                             {E::Mail, "-M-----"},    {E::Rcpt, "--RR---"},      {E::Data, "---D---"},
                                             {E::Bdat, "---C-C-"},    {E::Rset, "FGGG-G-"},      {E::Noop, "FGMR-C-"},
                                             {E::Quit, "XXXX-X-"},    {E::Vrfy, "FGMR-C-"},      {E::Expn, "FGMR-C-"},
                                             {E::Help, "FGMR-C-"},    {E::StartTls, "FF-----"},  {E::Auth, "-------"},
                                             {E::Unknown, "-------"}, {E::MessageEnd, "----GG-"}};
  const std::map<char, S> states = {{'F', S::Fresh}, {'G', S::Greeted}, {'M', S::Sender}, {'R', S::Recipients},
                                    {'D', S::Data},  {'C', S::Chunks},  {'X', S::Closed}};
  ASSERT_EQ(expected.size(), kServerEvents);
  for (const auto& [event, row] : expected) {
    for (size_t s = 0; s < kServerStates; ++s) {
      auto fsm = in_state(static_cast<S>(s), everything(ServerMode::Mx));
      const auto step = fsm.on(event);
      if (row[s] == '-') {
        EXPECT_EQ(step.action, A::Refuse) << name(event) << " in " << name(static_cast<S>(s));
        EXPECT_TRUE(step.refusal.permanent());
        EXPECT_EQ(fsm.state(), static_cast<S>(s));
        continue;
      }
      ASSERT_NE(step.action, A::Refuse) << name(event) << " in " << name(static_cast<S>(s));
      EXPECT_EQ(fsm.state(), static_cast<S>(s)) << "nothing moves before accept()";
      accept(fsm, step.action);
      EXPECT_EQ(fsm.state(), states.at(row[s])) << name(event) << " in " << name(static_cast<S>(s));
    }
  }
}

TEST(ServerFsm, TransactionLivesFromMailToItsEnd) {
  for (const E end : {E::Rset, E::Ehlo, E::MessageEnd}) {
    auto fsm = in_state(end == E::MessageEnd ? S::Data : S::Recipients, everything(ServerMode::Mx));
    ASSERT_NE(fsm.transaction(), nullptr);
    EXPECT_EQ(fsm.transaction()->recipients.size(), 1u);
    fsm.on(end);
    fsm.accept();
    EXPECT_EQ(fsm.transaction(), nullptr) << name(end);
  }
  auto fsm = in_state(S::Greeted, everything(ServerMode::Mx));
  fsm.on(E::StartTls);
  fsm.accept();
  EXPECT_EQ(fsm.state(), S::Fresh);
}

TEST(ServerFsm, RefusedCommandLeavesTheStateAlone) {
  auto fsm = in_state(S::Greeted, everything(ServerMode::Mx));
  EXPECT_EQ(fsm.on(E::Mail).action, A::Mail);  // and the session refuses the sender: no accept()
  EXPECT_EQ(fsm.state(), S::Greeted);
  EXPECT_EQ(fsm.on(E::Rcpt).refusal.code, 503);
}

TEST(ServerFsm, DataWithoutRecipientsIs554) {
  auto fsm = in_state(S::Sender, everything(ServerMode::Mx));
  EXPECT_EQ(fsm.on(E::Data).refusal.encode(), "554 5.5.1 No valid recipients\r\n");
  EXPECT_EQ(in_state(S::Greeted, everything(ServerMode::Mx)).on(E::Data).refusal.code, 503);
  EXPECT_EQ(in_state(S::Chunks, everything(ServerMode::Mx)).on(E::Data).refusal.text, "DATA and BDAT do not mix");
}

TEST(ServerFsm, ARefusedChunkEndsTheTransaction) {
  auto fsm = in_state(S::Chunks, everything(ServerMode::Mx));
  fsm.bdat_refused();
  EXPECT_EQ(fsm.transaction(), nullptr);
  EXPECT_EQ(fsm.on(E::Bdat).refusal.code, 503);
  EXPECT_EQ(fsm.on(E::Mail).action, A::Mail);
}

TEST(ServerFsm, SubmissionNeedsAuthentication) {
  auto options = everything(ServerMode::Submission);
  options.authenticated = false;
  options.offers_auth = true;
  auto fsm = in_state(S::Greeted, options);
  EXPECT_EQ(fsm.on(E::Mail).refusal.code, 530);
  EXPECT_EQ(fsm.on(E::Auth).action, A::Auth);
  fsm.accept();
  EXPECT_EQ(fsm.on(E::Mail).action, A::Mail);
  EXPECT_EQ(fsm.on(E::Auth).refusal.code, 503);
}

TEST(ServerFsm, BornAfterAHandOver) {
  ServerFsm fsm({.mode = ServerMode::Submission, .greeted = true, .authenticated = true});
  EXPECT_EQ(fsm.on(E::Auth).refusal.code, 503);
  EXPECT_EQ(fsm.on(E::StartTls).refusal.code, 503);
  EXPECT_EQ(fsm.on(E::Mail).action, A::Mail);
}

TEST(ServerFsm, LmtpGreetsWithLhloOnly) {
  ServerFsm fsm({.mode = ServerMode::Lmtp});
  EXPECT_EQ(fsm.on(E::Ehlo).refusal.code, 500);
  EXPECT_EQ(fsm.on(E::Helo).refusal.code, 500);
  EXPECT_EQ(fsm.on(E::Lhlo).action, A::Hello);
  fsm.accept();
  EXPECT_EQ(fsm.state(), S::Greeted);
}

}  // namespace
}  // namespace bz::smtp
