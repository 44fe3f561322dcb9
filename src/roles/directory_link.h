// mta's questions about addresses, put to `auth` over the channel between the two roles (wire/schema). Every error is
// temporary: the mail waits. One thread.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>

#include "net/loop.h"
#include "queue/directory.h"
#include "wire/schema.h"

namespace bz::roles {

class DirectoryLink : public queue::Directory {
 public:
  using Send = std::function<Result<void>(wire::Type, const std::string& payload)>;
  DirectoryLink(net::Loop& loop, Send send) : loop_(loop), send_(std::move(send)) {}

  Task<Result<queue::RecipientVerdict>> lookup_recipient(smtp::Address address) override;
  Task<Result<bool>> may_send_as(AccountId account, smtp::Address address) override;
  Task<Result<queue::MailboxPlace>> place_of(AccountId account) override;

  // From the channel. Invalid: not a record of the schema. An answer nobody waits for is dropped.
  Result<void> on_message(uint8_t type, std::string_view payload);
  void on_down();

 private:
  using Answer = std::variant<wire::RecipientVerdict, wire::SendAsVerdict, wire::AccountInfo>;
  struct Waiting {
    base::Completion<Answer>::Promise promise;
    std::unique_ptr<net::Loop::Timer> timer;
  };
  Task<Result<Answer>> ask(uint64_t id, wire::Type type, std::string payload);
  void settle(uint64_t id, Result<Answer> answer);

  net::Loop& loop_;
  Send send_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, Waiting> waiting_;
};

}  // namespace bz::roles
