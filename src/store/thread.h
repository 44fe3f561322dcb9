// THREAD over messages of one view (RFC 5256 section 3).
#pragma once
#include <string>
#include <vector>

#include "imap/response.h"
#include "imap/search.h"
#include "store/account.h"

namespace bz::store {

// What threading asks of one message.
struct ThreadMessage {
  uint32_t uid = 0;
  int64_t sent = 0;  // Unix seconds, RFC 5256 section 2.2
  std::string id;    // Message-ID; empty: none
  std::vector<std::string> references;
  std::string subject;  // base subject, folded
  bool is_reply = false;
};
// Plain functions of their argument, which is in mailbox order. Numbers of the trees are UIDs. Time: nearly linear; a chain
// of references that would have to be followed for more than 10,000 steps to rule out a loop is cut there.
imap::ThreadTree thread_by_subject(const std::vector<ThreadMessage>& messages);
// with_subjects false: THREAD=REFS, which knows references only and sorts the threads by their newest message.
imap::ThreadTree thread_by_references(const std::vector<ThreadMessage>& messages, bool with_subjects);

// Yields to the lane every 256 messages (through `executor`).
Task<Result<imap::ThreadTree>> thread(Account& account, const View& view, std::vector<uint32_t> uids,
                                      imap::Threading algorithm, base::Executor& executor);

// A message id without the quotes a local part need not have: <"a.b"@c> is <a.b@c> (RFC 5256 section 3).
std::string normal_message_id(std::string_view id);

}  // namespace bz::store
