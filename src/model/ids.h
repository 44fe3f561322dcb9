// The names of things, as strong types. Glossary: docs/glossary.md.
#pragma once
#include <cstdint>
#include <string>

#include "base/strong_id.h"

namespace bz {

using AccountId = base::StrongId<struct AccountIdTag, uint64_t>;  // given by auth, never used again; 0 = none
using MailboxId = base::StrongId<struct MailboxIdTag, uint32_t>;  // within an account, never used again; 0 = none
using EmailId =
    base::StrongId<struct EmailIdTag, uint64_t>;            // one message's content within an account (OBJECTID); 0 = none
using ModSeq = base::StrongId<struct ModSeqTag, uint64_t>;  // RFC 7162: 1..2^63-1, per account; 0 = before everything
using UidValidity = base::StrongId<struct UidValidityTag, uint32_t>;  // RFC 3501 2.3.1.1; never 0 once set
using Uid = base::StrongId<struct UidTag, uint32_t>;                  // RFC 3501 2.3.1.1; 0 = none

using SessionId = std::string;  // 12 signs, in every log line of a session, through all roles
using QueueId = std::string;    // 12 signs, in every log line of a message in the queue

}  // namespace bz
