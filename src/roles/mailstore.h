// The role that keeps mail: STATE/mail, one database, and the lanes on which accounts live. Sessions come as legs from the
// gateway (IMAP and POP3, with a ticket of auth) and from mta (LMTP, without: both are roles of one system). Where the
// administrator opened an LMTP listener, its clients come from the gateway too, and name addresses. The main thread reads
// the hand-over, believes the ticket or not, and gives the descriptor to the lane of the account.
//
// Settings: MailstoreConfig in roles/config.h.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "crypto/ticket.h"
#include "kv/rocks.h"
#include "roles/directory_link.h"
#include "roles/mail_inlet.h"
#include "roles/mail_lane.h"
#include "roles/mail_others.h"
#include "roles/role.h"
#include "roles/upkeep.h"
#include "store/text_search.h"
#include "wire/handoff.h"

namespace bz::roles {

class MailstoreRole : public Role {
 public:
  // `database`: what the settings do not say; a test gives a file system that fails.
  explicit MailstoreRole(kv::RocksConfig database = {});
  ~MailstoreRole() override;
  Result<void> prepare(RoleHost& host) override;
  Task<Result<void>> start(RoleHost& host) override;
  Result<void> reload(RoleHost& host) override;
  wire::Hello hello(const RoleHost& host) const override;
  void peer_up(Peer& peer) override;
  void peer_down(Peer& peer) override;
  void message(Peer& from, net::Message message) override;
  void control(ControlCall call) override;
  Task<void> stop() override;

 private:
  base::Completion<AccountFacts> ask_facts(base::Executor& home, AccountId account);  // any thread
  void look_up(AccountId account, std::shared_ptr<Ferry<AccountFacts>> ferry);
  Task<void> give_up_lookup(uint64_t id);
  void on_account_info(const wire::AccountInfo& info);
  void on_leg(const Peer& from, net::Message message);
  Task<void> take_leg(net::OwnedFd fd, bool from_mta);
  Result<void> place(const wire::Handoff& handoff, std::string rest, net::OwnedFd fd, bool from_mta);
  std::function<void(std::string)> tell_auth(AccountId account, std::string device);
  Result<void> place_imap(const wire::Handoff& handoff, std::string rest, net::OwnedFd fd);
  Result<void> place_pop3(const wire::Handoff& handoff, std::string rest, net::OwnedFd fd);
  std::vector<std::string> pop3_mechanisms(uint16_t port) const;
  void place_lmtp(const wire::Handoff& handoff, std::string rest, net::OwnedFd fd, bool from_mta);
  base::Completion<queue::RecipientVerdict> ask_recipient(base::Executor& home, smtp::Address address);  // (any)
  void push(PushOrder order);
  void on_push_gone(wire::ApplePushGone gone);
  void on_account_changed(AccountId account);
  void on_end_sessions(const wire::EndSessions& order, bool purge);
  Task<void> verify(ControlCall call);

  RoleHost* host_ = nullptr;
  kv::RocksConfig database_;
  // Order of destruction: lanes' loops outlive the store, and the store outlives nothing that uses it (stop()).
  MailLanes lanes_;
  std::vector<std::unique_ptr<LaneAccounts>> lane_accounts_;
  std::unique_ptr<store::TextSearch> text_search_;  // goes before the lanes' loops, to which it posts
  std::unique_ptr<kv::RocksStore> store_;
  std::unique_ptr<ShareIndex> shares_;  // of the first lane
  std::vector<std::unique_ptr<LaneOthers>> lane_others_;
  std::unique_ptr<net::BlockingPool> pool_;
  std::unique_ptr<DirectoryLink> directory_;
  std::unique_ptr<Upkeep> upkeep_;
  std::unique_ptr<crypto::TicketVerifier> verifier_;  // set when auth said Hello
  std::map<uint64_t, std::shared_ptr<Ferry<AccountFacts>>> lookups_;
  uint64_t next_lookup_ = 0;
  size_t next_lane_ = 0, legs_ = 0;
};

}  // namespace bz::roles
