// MirrorAccount: an account of another lane, as the sessions of this one see it (docs/decisions/0026-acl.md). Nothing is
// shared between the two threads: what is done goes there as a call and comes back as a value; the tree, and each mailbox
// that a session has open, is a copy here, which the other lane keeps up to date by posts. A post of a change comes before
// the answer to the command that made it, since both go through the same loop.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "roles/mail_lane.h"

namespace bz::roles {

// On the lane of `home`; `there` outlives it, and so does `home`.
Task<Result<std::shared_ptr<store::Account>>> open_mirror(MailLane& there, base::Executor& home, AccountId id);

}  // namespace bz::roles
